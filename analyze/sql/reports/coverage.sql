-- How much of the day each interface was watched. Lanes share their time: an interval counts once, by the lane that saw the least.
-- coverage_s is whole seconds, so an interval that lacks no more than one was watched throughout.
WITH intervals AS (
    SELECT
        sensor_id,
        interface,
        day_to - day_from AS day_us,
        min(
            CASE
                WHEN length_us <= 0 THEN 0.0
                WHEN length_us <= (coverage_s + 1) * 1000000 THEN CAST(within_to - within_from AS DOUBLE)
                ELSE CAST(within_to - within_from AS DOUBLE) * coverage_s * 1000000 / length_us
            END
        ) AS covered_us
    FROM day_ledger
    WHERE is_live AND kind = 'interval'
    GROUP BY sensor_id, interface, ts_start, day_to - day_from
)

SELECT
    sensor_id,
    interface,
    CAST(least(floor(sum(covered_us)), CAST(day_us AS DOUBLE)) AS BIGINT) AS covered_us,
    day_us
FROM intervals
GROUP BY sensor_id, interface, day_us
ORDER BY sensor_id, interface
