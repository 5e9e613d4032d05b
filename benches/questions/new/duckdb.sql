-- Servers of the last day that were never seen before.
WITH seen AS (
    SELECT dst_ip, min(flow_start) AS first_seen, sum(bytes) AS bytes
    FROM flows
    GROUP BY dst_ip
)
SELECT dst_ip, bytes, count(*) OVER () AS new
FROM seen
WHERE first_seen >= TIMESTAMPTZ '{day} 00:00:00+00'
ORDER BY bytes DESC, dst_ip
LIMIT 20
