SELECT src_ip, sum(bytes) AS bytes, count(*) AS records
FROM flows
GROUP BY src_ip
ORDER BY bytes DESC, src_ip
LIMIT 20
