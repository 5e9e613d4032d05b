-- One hour of flows as judged, from $from until $to, summed up.
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
    sum(CASE WHEN flow_part = 0 THEN 1 ELSE 0 END) AS flows,
    sum(CASE direction WHEN 'inbound' THEN dst_packets ELSE src_packets END) AS packets_up,
    sum(CASE direction WHEN 'inbound' THEN src_packets ELSE dst_packets END) AS packets_down,
    sum(bytes_up) AS bytes_up,
    sum(bytes_down) AS bytes_down,
    sketch(CASE direction WHEN 'inbound' THEN dst_ip ELSE src_ip END) AS clients,
    catalog_id
FROM attributed
WHERE flow_end >= $from AND flow_end < $to
GROUP BY
    sensor_id, site, direction, service_vendor, operator, server_country, vendor_country, device_vendor, evidence, catalog_id
ORDER BY sensor_id, direction, service_vendor, server_country, operator, site, vendor_country, device_vendor, evidence
