-- The course of the day, in hours since it began. Where few clients are hidden, not every record has one.
SELECT
    hour,
    sum(bytes_up) AS bytes_up,
    sum(bytes_down) AS bytes_down,
    sum(began) AS flows
FROM outside
WHERE hour IS NOT NULL
GROUP BY hour
ORDER BY hour
