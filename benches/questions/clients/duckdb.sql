SELECT make_timestamp(day * 86400000000) AS day, vendor, count(*) AS clients
FROM (
    SELECT DISTINCT epoch_us(flow_start) // 86400000000 AS day, vendor, src_ip
    FROM flows
    LEFT JOIN vendors USING (server_name)
    WHERE direction = 'outbound'
)
GROUP BY ALL
ORDER BY ALL
