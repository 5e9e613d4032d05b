SELECT make_timestamp((epoch_us(flow_start) // 3600000000) * 3600000000) AS hour, sum(src_bytes) AS up, sum(dst_bytes) AS down
FROM flows
WHERE dst_ip = '{address}'
GROUP BY 1
ORDER BY 1
