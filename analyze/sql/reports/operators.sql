-- Who runs the servers. A content network or a cloud is an operator and no vendor.
SELECT
    operator,
    operator_asn,
    operator_country,
    sum(bytes_up) AS bytes_up,
    sum(bytes_down) AS bytes_down,
    sum(began) AS flows,
    count(DISTINCT client_ip) AS clients,
    count(DISTINCT CASE WHEN service_vendor <> 'other' THEN service_vendor END) AS vendors
FROM outside
GROUP BY operator, operator_asn, operator_country
ORDER BY bytes_up DESC, operator_asn, operator
LIMIT 20
