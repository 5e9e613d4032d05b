-- Vendor by country over everything in the store, to be held against what the scenario planned.
SELECT
    service_vendor AS vendor,
    CASE WHEN anycast THEN 'anycast' ELSE coalesce(server_country, 'none') END AS place,
    sum(CASE WHEN flow_part = 0 THEN 1 ELSE 0 END) AS flows,
    sum(bytes_up) AS bytes_up,
    sum(bytes_down) AS bytes_down,
    count(DISTINCT src_ip) AS clients,
    max(evidence) AS best_evidence,
    min(evidence) AS least_evidence
FROM attributed
GROUP BY service_vendor, CASE WHEN anycast THEN 'anycast' ELSE coalesce(server_country, 'none') END
ORDER BY service_vendor, place
