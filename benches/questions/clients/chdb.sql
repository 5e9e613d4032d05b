SELECT toDateTime64(day, 6) AS day, dictGet('contest.vendor_name', 'vendor', toUInt64(vendor)) AS vendor, clients
FROM (
    SELECT toStartOfDay(flow_start) AS day, vendor, uniqExact(src_ip) AS clients
    FROM flows
    LEFT ANY JOIN vendors USING (server_name)
    WHERE direction = 'outbound'
    GROUP BY day, vendor
    SETTINGS join_algorithm = 'hash'
)
ORDER BY day, vendor
