-- The rows of the ledger that touch the day, with the part of each that lies in it, in microseconds since 1970 UTC.
-- A capture has no time in which nobody looked: where it has no packets, it cannot be told from one that was not made.
SELECT
    *,
    backend NOT IN ('file', 'stream') AS is_live,
    CAST(ts_end AS BIGINT) - CAST(ts_start AS BIGINT) AS length_us,
    greatest(CAST(ts_start AS BIGINT), $from_us) AS within_from,
    least(CAST(ts_end AS BIGINT), $to_us) AS within_to,
    $from_us AS day_from,
    $to_us AS day_to
FROM ledger
WHERE ts_start < $to AND ts_end >= $from
