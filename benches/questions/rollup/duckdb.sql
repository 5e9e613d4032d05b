SELECT bucket_start AS hour, service_vendor AS vendor, server_country AS country, sum(bytes_up) AS up, sum(bytes_down) AS down
FROM read_parquet('{store}/rollup_hourly/*/*.parquet', hive_partitioning = false)
GROUP BY ALL
