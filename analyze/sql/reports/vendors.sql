-- One row a vendor; what rests on a name that its address speaks against is not in it.
SELECT
    service_vendor AS vendor,
    max(vendor_country) AS seat,
    sum(bytes_up) AS bytes_up,
    sum(bytes_down) AS bytes_down,
    sum(began) AS flows,
    count(DISTINCT client_ip) AS clients,
    coalesce(sum(CASE WHEN contested THEN bytes_up END), 0) AS contested_bytes_up,
    coalesce(sum(CASE WHEN evidence IN ('E4', 'E5') THEN bytes_up END), 0) AS named_bytes_up
FROM outside
WHERE standing = 'attributed'
GROUP BY service_vendor
ORDER BY bytes_up DESC, vendor
