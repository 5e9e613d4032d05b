SELECT make_timestamp((epoch_us(flow_start) // 3600000000) * 3600000000) AS hour, sum(src_bytes) AS up, sum(dst_bytes) AS down
FROM flows
WHERE server_name = '{name}'
GROUP BY 1
ORDER BY 1
