-- Servers of the last day that were never seen before.
SELECT dst_ip, bytes, count(*) OVER () AS new
FROM (SELECT dst_ip, min(flow_start) AS first_seen, sum(bytes) AS bytes FROM flows GROUP BY dst_ip)
WHERE first_seen >= toDateTime64('{day} 00:00:00', 6, 'UTC')
ORDER BY bytes DESC, dst_ip
LIMIT 20
