-- What networks of ours send to vendors that are banned there, and how many of their clients do. A client is in one network only. Names are gathered
-- into a list first: a filter on the view would be pushed below its grouping, and judge every row.
SELECT network, sum(up) AS up, sum(down) AS down, count() AS clients
FROM (
    SELECT replaceRegexpOne(src_ip, '\\.[0-9]+$', '') AS network, sum(src_bytes) AS up, sum(dst_bytes) AS down
    FROM flows
    WHERE ip_version = 4 AND direction = 'outbound'
      AND server_name IN (
          SELECT arrayJoin(names)
          FROM (
              SELECT groupArrayIf(assumeNotNull(server_name), vendor IN (
                  SELECT id
                  FROM vendor_names
                  WHERE vendor IN ('alibaba', 'bytedance', 'dji', 'hikvision', 'huawei', 'tencent', 'xiaomi', 'zte')
              )) AS names
              FROM vendors
          )
      )
    GROUP BY src_ip
)
GROUP BY network
ORDER BY network
