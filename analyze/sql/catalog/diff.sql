-- What another catalog says of the same traffic: a row for each cell of vendor and country that moves, and why. Each distinct set of
-- evidence is judged once by either catalog. Where a name stands on the flow or was told, the day is all that the time decides; a flow
-- without any is judged by what else was seen of its server around it, and keeps its time.
WITH evidence AS (
    SELECT
        CASE direction WHEN 'inbound' THEN direction ELSE 'outbound' END AS direction,
        CASE direction WHEN 'inbound' THEN src_ip ELSE dst_ip END AS server_ip,
        server_name,
        server_name_source,
        dns_names,
        ech_offered,
        CASE
            WHEN server_name IS NULL AND coalesce(cardinality(dns_names), 0) = 0 THEN flow_first_seen
            ELSE date_trunc('day', flow_first_seen)
        END AS first_seen,
        sum(CASE WHEN flow_part = 0 THEN 1 ELSE 0 END) AS flows,
        sum(CASE direction WHEN 'inbound' THEN dst_bytes ELSE src_bytes END) AS bytes_up,
        sum(CASE direction WHEN 'inbound' THEN src_bytes ELSE dst_bytes END) AS bytes_down
    FROM flows
    GROUP BY 1, 2, 3, 4, 5, 6, 7
),

judged AS (
    SELECT
        *,
        attribute_before(
            direction, server_ip, server_ip, NULL, NULL, server_name, server_name_source, dns_names, NULL,
            ech_offered, first_seen
        ) AS a,
        attribute(
            direction, server_ip, server_ip, NULL, NULL, server_name, server_name_source, dns_names, NULL,
            ech_offered, first_seen
        ) AS b
    FROM evidence
),

cells AS (
    SELECT
        a['service_vendor'] AS vendor_before,
        CASE WHEN a['anycast'] THEN 'anycast' ELSE coalesce(a['server_country'], 'none') END AS place_before,
        b['service_vendor'] AS vendor_after,
        CASE WHEN b['anycast'] THEN 'anycast' ELSE coalesce(b['server_country'], 'none') END AS place_after,
        a['evidence'] AS evidence_before,
        b['evidence'] AS evidence_after,
        a['rule_id'] AS rule_before,
        b['rule_id'] AS rule_after,
        flows,
        bytes_up,
        bytes_down
    FROM judged
)

SELECT
    vendor_before,
    place_before,
    vendor_after,
    place_after,
    evidence_before,
    evidence_after,
    rule_before,
    rule_after,
    sum(flows) AS flows,
    sum(bytes_up) AS bytes_up,
    sum(bytes_down) AS bytes_down
FROM cells
WHERE (vendor_before IS DISTINCT FROM vendor_after) OR (place_before <> place_after)
GROUP BY
    vendor_before, place_before, vendor_after, place_after,
    evidence_before, evidence_after, rule_before, rule_after
ORDER BY
    bytes_up DESC, vendor_before, place_before, vendor_after, place_after, rule_before, rule_after,
    evidence_before, evidence_after
