SELECT date_trunc('hour', flow_start) AS hour, count(*) AS records, sum(src_bytes) AS up, sum(dst_bytes) AS down
FROM flows
GROUP BY 1
ORDER BY 1
