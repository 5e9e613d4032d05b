-- What devices said of themselves to a DHCP server, a row for each of their MAC and IP addresses, host name, vendor class and day.
SELECT
    client,
    dhcp_hostname AS host_name,
    dhcp_vendor_class AS vendor_class,
    CAST(min(ts) AS BIGINT) AS first,
    CAST(max(ts) AS BIGINT) AS last
FROM (
    SELECT mac AS client, dhcp_hostname, dhcp_vendor_class, ts FROM devices
    UNION ALL
    SELECT ip AS client, dhcp_hostname, dhcp_vendor_class, ts FROM devices
)
WHERE
    client IS NOT NULL AND (dhcp_hostname IS NOT NULL OR dhcp_vendor_class IS NOT NULL)
    AND ts >= $from AND ts <= $to
GROUP BY client, dhcp_hostname, dhcp_vendor_class, CAST(ts AS BIGINT) / 86400000000
