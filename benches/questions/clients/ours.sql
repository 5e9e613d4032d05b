SELECT date_trunc('day', flow_start) AS day, vendor_of(server_name) AS vendor, count(DISTINCT src_ip) AS clients
FROM flows
WHERE direction = 'outbound'
GROUP BY 1, 2
ORDER BY 1, 2
