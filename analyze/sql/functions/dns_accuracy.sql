-- How right the DNS join is, measured where it can be: on flows from $from until $to that bear a name of their own and whose client had
-- been told of their address. They are judged a second time, as if the name were not there. A provider's name in front of an encrypted
-- hello is not the flow's own.
WITH compared AS (
    SELECT
        flow_part,
        bytes_up,
        src_ip,
        CASE WHEN evidence IN ('E4', 'E5') THEN service_vendor END AS owner,
        array_has(dns_names, rtrim(lower(server_name), '.')) AS is_same_name,
        attribute(
            'outbound', dst_ip, dst_ip, NULL, NULL, NULL, NULL, dns_names, NULL, NULL, flow_first_seen
        ) AS told
    FROM attributed
    WHERE
        flow_start >= $from AND flow_start < $to
        AND flow_end >= $from AND flow_end < $to + INTERVAL '8 days'
        AND direction NOT IN ('internal', 'inbound')
        AND server_name_source IN ('tls_sni', 'quic_sni', 'http_host')
        AND cardinality(dns_names) > 0
        AND ech <> 'real'
),

judged AS (
    SELECT
        CASE flow_part WHEN 0 THEN 1 ELSE 0 END AS began,
        bytes_up,
        src_ip,
        is_same_name,
        CASE WHEN told['evidence'] = 'E3' THEN 1 ELSE 0 END AS claims,
        CASE WHEN told['evidence'] = 'E3' AND told['service_vendor'] = owner THEN 1 ELSE 0 END AS agrees
    FROM compared
),

sums AS (
    SELECT
        coalesce(sum(began), 0) AS flows,
        coalesce(sum(bytes_up), 0) AS bytes_up,
        count(DISTINCT src_ip) AS clients,
        coalesce(sum(began * claims), 0) AS claimed_flows,
        coalesce(sum(bytes_up * claims), 0) AS claimed_bytes_up,
        coalesce(sum(began * agrees), 0) AS agreed_flows,
        coalesce(sum(bytes_up * agrees), 0) AS agreed_bytes_up,
        coalesce(sum(CASE WHEN is_same_name THEN began END), 0) AS same_name_flows,
        coalesce(sum(CASE WHEN is_same_name THEN bytes_up END), 0) AS same_name_bytes_up,
        count(DISTINCT CASE WHEN claims > agrees OR NOT is_same_name THEN src_ip END) AS differing_clients
    FROM judged
),

whole AS (
    SELECT
        sum(bytes_up) AS bytes_up,
        coalesce(sum(CASE WHEN evidence = 'E3' THEN bytes_up END), 0) AS dns_only_bytes_up,
        count(DISTINCT CASE WHEN evidence = 'E3' THEN src_ip END) AS dns_only_clients
    FROM attributed
    WHERE
        flow_start >= $from AND flow_start < $to
        AND flow_end >= $from AND flow_end < $to + INTERVAL '8 days' AND direction <> 'internal'
)

SELECT
    sums.flows,
    sums.bytes_up,
    sums.clients,
    claimed_flows,
    claimed_bytes_up,
    agreed_flows,
    agreed_bytes_up,
    differing_clients,
    round(100.0 * agreed_flows / nullif(claimed_flows, 0), 4) AS owner_percent,
    round(100.0 * agreed_bytes_up / nullif(claimed_bytes_up, 0), 4) AS owner_bytes_percent,
    round(100.0 * same_name_flows / nullif(sums.flows, 0), 4) AS name_percent,
    round(100.0 * same_name_bytes_up / nullif(sums.bytes_up, 0), 4) AS name_bytes_percent,
    dns_only_bytes_up,
    dns_only_clients,
    round(100.0 * dns_only_bytes_up / nullif(whole.bytes_up, 0), 4) AS dns_only_percent
FROM sums CROSS JOIN whole
