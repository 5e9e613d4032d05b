-- The course of the day, in hours since it began.
SELECT
    hour,
    sum(bytes_up) AS bytes_up,
    sum(bytes_down) AS bytes_down,
    sum(began) AS flows
FROM outside
GROUP BY hour
ORDER BY hour
