-- Whose devices send to whose services.
SELECT
    device_vendor,
    CASE WHEN standing = 'attributed' THEN service_vendor END AS service_vendor,
    sum(bytes_up) AS bytes_up,
    sum(bytes_down) AS bytes_down,
    sum(began) AS flows,
    count(DISTINCT client_ip) AS clients
FROM outside
GROUP BY device_vendor, CASE WHEN standing = 'attributed' THEN service_vendor END
ORDER BY device_vendor, bytes_up DESC, service_vendor
