-- Out of what was summed up by hour: see `outflow store rollup`.
SELECT bucket_start AS hour, service_vendor AS vendor, server_country AS country, sum(bytes_up) AS up, sum(bytes_down) AS down
FROM rollup_hourly
GROUP BY 1, 2, 3
