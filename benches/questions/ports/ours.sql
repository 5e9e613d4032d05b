SELECT dst_port, proto, count(*) AS records, sum(bytes) AS bytes
FROM flows
GROUP BY dst_port, proto
ORDER BY records DESC, dst_port, proto
LIMIT 20
