SELECT date_trunc('hour', flow_start) AS hour, vendor_of(server_name) AS vendor, country(dst_ip) AS country,
       sum(src_bytes) AS up, sum(dst_bytes) AS down
FROM flows
GROUP BY 1, 2, 3
