SELECT bucket_start AS hour, service_vendor AS vendor, server_country AS country, sum(bytes_up) AS up, sum(bytes_down) AS down
FROM file('{store}/rollup_hourly/*/*.parquet', Parquet)
GROUP BY hour, vendor, country
