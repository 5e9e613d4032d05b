SELECT make_timestamp((epoch_us(flow_start) // 3600000000) * 3600000000) AS hour, vendor, country, sum(src_bytes) AS up, sum(dst_bytes) AS down
FROM flows
LEFT JOIN vendors USING (server_name)
LEFT JOIN places USING (dst_ip)
GROUP BY ALL
