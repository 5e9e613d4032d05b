SELECT
    direction,
    sum(began) AS flows,
    count(*) AS records,
    sum(packets) AS packets,
    sum(bytes_up) AS bytes_up,
    sum(bytes_down) AS bytes_down,
    count(DISTINCT client_ip) AS clients
FROM day
GROUP BY direction
ORDER BY bytes_up DESC, direction
