-- What was rolled up before, from $from until $to, and stays as it is.
SELECT *
FROM rollup_daily
WHERE bucket_start >= $from AND bucket_start < $to
