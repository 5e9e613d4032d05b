-- A vendor's name on the flow, and an address that is none of that vendor's: spoofed, fronted, or unknown to the catalog.
SELECT
    service_vendor AS vendor,
    server_name,
    dst_ip AS server_ip,
    operator,
    place,
    sum(bytes_up) AS bytes_up,
    sum(bytes_down) AS bytes_down,
    sum(began) AS flows,
    count(DISTINCT client_ip) AS clients
FROM outside
WHERE standing = 'mismatch'
GROUP BY service_vendor, server_name, dst_ip, operator, place
ORDER BY bytes_up DESC, vendor, server_name, server_ip
LIMIT 20
