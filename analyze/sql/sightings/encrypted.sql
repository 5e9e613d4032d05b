-- Names whose HTTPS or SVCB records offered to encrypt the client hello, a row for each name and day.
SELECT
    query AS name,
    CAST(min(ts) AS BIGINT) AS first,
    CAST(max(ts) AS BIGINT) AS last
FROM dns
WHERE answer_ech AND ts >= $from AND ts <= $to
GROUP BY query, CAST(ts AS BIGINT) / 86400000000
