-- One day of rolled-up hours, from $from until $to.
SELECT
    $from AS bucket_start,
    sensor_id,
    site,
    direction,
    service_vendor,
    operator,
    server_country,
    vendor_country,
    device_vendor,
    evidence,
    sum(flows) AS flows,
    sum(packets_up) AS packets_up,
    sum(packets_down) AS packets_down,
    sum(bytes_up) AS bytes_up,
    sum(bytes_down) AS bytes_down,
    sketch_merge(clients) AS clients,
    catalog_id
FROM rollup_hourly
WHERE bucket_start >= $from AND bucket_start < $to
GROUP BY
    sensor_id, site, direction, service_vendor, operator, server_country, vendor_country, device_vendor, evidence, catalog_id
ORDER BY sensor_id, direction, service_vendor, server_country, operator, site, vendor_country, device_vendor, evidence
