SELECT
    service_vendor AS vendor,
    contested_with,
    place,
    sum(bytes_up) AS bytes_up,
    sum(bytes_down) AS bytes_down,
    sum(began) AS flows,
    count(DISTINCT client_ip) AS clients
FROM outside
WHERE contested
GROUP BY service_vendor, contested_with, place
ORDER BY bytes_up DESC, vendor, contested_with, place
LIMIT 20
