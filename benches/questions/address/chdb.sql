SELECT toDateTime64(toStartOfHour(flow_start), 6) AS hour, sum(src_bytes) AS up, sum(dst_bytes) AS down
FROM flows
WHERE dst_ip = '{address}'
GROUP BY 1
ORDER BY 1
