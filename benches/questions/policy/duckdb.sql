-- What networks of ours send to vendors that are banned there, and how many of their clients do. A client is in one network only.
WITH banned AS MATERIALIZED (
    SELECT server_name
    FROM vendors
    WHERE vendor IN ('alibaba', 'bytedance', 'dji', 'hikvision', 'huawei', 'tencent', 'xiaomi', 'zte')
),
clients AS (
    SELECT src_ip, sum(src_bytes) AS up, sum(dst_bytes) AS down
    FROM flows
    JOIN banned USING (server_name)
    WHERE ip_version = 4 AND direction = 'outbound'
    GROUP BY src_ip
)
SELECT regexp_replace(src_ip, '\.[0-9]+$', '') AS network, sum(up) AS up, sum(down) AS down, count(*) AS clients
FROM clients
GROUP BY 1
ORDER BY 1
