-- Names whose HTTPS or SVCB records offered to encrypt the client hello.
SELECT DISTINCT query AS name FROM dns WHERE answer_ech AND ts >= $from AND ts <= $to
