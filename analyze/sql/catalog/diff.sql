-- What another catalog says of the same traffic: a row for each cell of vendor and country that moves, and why. Each distinct set of
-- evidence is judged once by either catalog: of flows that differ in time only, and whose time decides the same, the first stands for all.
-- A vendor's name at an address that speaks against it is a cell apart; traffic among inside hosts goes to nobody.
WITH ends AS (
    SELECT
        CASE direction WHEN 'inbound' THEN direction ELSE 'outbound' END AS direction,
        CASE direction WHEN 'inbound' THEN src_ip ELSE dst_ip END AS server_ip,
        server_name,
        server_name_source,
        dns_names,
        ech_offered,
        flow_first_seen,
        CASE WHEN flow_part = 0 THEN 1 ELSE 0 END AS began,
        CASE direction WHEN 'inbound' THEN dst_bytes ELSE src_bytes END AS bytes_up,
        CASE direction WHEN 'inbound' THEN src_bytes ELSE dst_bytes END AS bytes_down
    FROM flows
    WHERE direction <> 'internal'
),

moments AS (
    SELECT
        *,
        moment_before(
            direction, server_ip, server_ip, NULL, NULL, server_name, server_name_source, dns_names, NULL,
            ech_offered, flow_first_seen
        ) AS moment_a,
        moment(
            direction, server_ip, server_ip, NULL, NULL, server_name, server_name_source, dns_names, NULL,
            ech_offered, flow_first_seen
        ) AS moment_b
    FROM ends
),

evidence AS (
    SELECT
        direction,
        server_ip,
        server_name,
        server_name_source,
        dns_names,
        ech_offered,
        min(flow_first_seen) AS first_seen,
        sum(began) AS flows,
        sum(bytes_up) AS bytes_up,
        sum(bytes_down) AS bytes_down
    FROM moments
    GROUP BY direction, server_ip, server_name, server_name_source, dns_names, ech_offered, moment_a, moment_b
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
        CASE
            WHEN a['service_vendor'] IS NULL THEN 'unattributed'
            WHEN a['name_ip_mismatch'] THEN 'mismatch'
            ELSE 'attributed'
        END AS standing_before,
        b['service_vendor'] AS vendor_after,
        CASE WHEN b['anycast'] THEN 'anycast' ELSE coalesce(b['server_country'], 'none') END AS place_after,
        CASE
            WHEN b['service_vendor'] IS NULL THEN 'unattributed'
            WHEN b['name_ip_mismatch'] THEN 'mismatch'
            ELSE 'attributed'
        END AS standing_after,
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
    standing_before,
    standing_after,
    evidence_before,
    evidence_after,
    rule_before,
    rule_after,
    sum(flows) AS flows,
    sum(bytes_up) AS bytes_up,
    sum(bytes_down) AS bytes_down
FROM cells
WHERE
    (vendor_before IS DISTINCT FROM vendor_after) OR (place_before <> place_after) OR (standing_before <> standing_after)
GROUP BY
    vendor_before, place_before, vendor_after, place_after, standing_before, standing_after,
    evidence_before, evidence_after, rule_before, rule_after
ORDER BY
    bytes_up DESC, vendor_before, place_before, vendor_after, place_after, standing_before, standing_after, rule_before, rule_after,
    evidence_before, evidence_after
