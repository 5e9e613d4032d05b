-- Times of the day in which an interface was not watched: rows that say so, and holes of two seconds and more between all rows,
-- the ends of the day included. The longest come first; how many there are stands in each row.
WITH watched AS (
    SELECT DISTINCT sensor_id, interface, day_from, day_to FROM day_ledger WHERE is_live AND kind = 'interval'
),

rows_and_ends AS (
    SELECT sensor_id, interface, within_from AS from_us, within_to AS to_us
    FROM day_ledger WHERE is_live AND kind IN ('interval', 'gap')
    UNION ALL SELECT sensor_id, interface, day_from AS from_us, day_from AS to_us FROM watched
    UNION ALL SELECT sensor_id, interface, day_to AS from_us, day_to AS to_us FROM watched
),

holes AS (
    SELECT
        sensor_id,
        interface,
        max(to_us) OVER (
            PARTITION BY sensor_id, interface ORDER BY from_us, to_us
            ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
        ) AS from_us,
        from_us AS to_us
    FROM rows_and_ends
),

gaps AS (
    SELECT sensor_id, interface, within_from AS from_us, within_to AS to_us, detail AS why
    FROM day_ledger WHERE is_live AND kind = 'gap' AND within_to > within_from
    UNION ALL
    SELECT sensor_id, interface, from_us, to_us, 'the ledger has no row' AS why
    FROM holes WHERE to_us - from_us >= 2000000
)

SELECT sensor_id, interface, from_us, to_us, coalesce(why, 'not said') AS why, count(*) OVER () AS all_gaps
FROM gaps
ORDER BY to_us - from_us DESC, from_us, sensor_id, interface, why
LIMIT 20
