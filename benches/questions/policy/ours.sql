-- What networks of ours send to vendors that are banned there, and how many of their clients do. A client is in one network only.
WITH clients AS (
    SELECT src_ip, sum(src_bytes) AS up, sum(dst_bytes) AS down
    FROM flows
    WHERE ip_version = 4 AND direction = 'outbound'
      AND vendor_of(server_name) IN ('alibaba', 'bytedance', 'dji', 'hikvision', 'huawei', 'tencent', 'xiaomi', 'zte')
    GROUP BY src_ip
)
SELECT substr(src_ip, 1, length(src_ip) - strpos(reverse(src_ip), '.')) AS network, sum(up) AS up, sum(down) AS down, count(*) AS clients
FROM clients
GROUP BY 1
ORDER BY 1
