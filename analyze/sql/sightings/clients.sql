-- What was seen behind a client's address, a row for each address, User-Agent and day. A MAC address with more than eight IPv4
-- addresses a day is a router's, and stands here without an agent. What came in tells of clients outside.
SELECT
    coalesce(src_mac, src_ip) AS client,
    http_user_agent AS agent,
    CAST(min(flow_end) AS BIGINT) AS first,
    CAST(max(flow_end) AS BIGINT) AS last
FROM flows
WHERE http_user_agent IS NOT NULL AND direction <> 'inbound' AND flow_end >= $from AND flow_end <= $to
GROUP BY coalesce(src_mac, src_ip), http_user_agent, CAST(flow_end AS BIGINT) / 86400000000
UNION ALL
SELECT client, CAST(NULL AS TEXT) AS agent, min(first) AS first, max(last) AS last
FROM (
    SELECT
        src_mac AS client,
        src_ip,
        CAST(flow_end AS BIGINT) / 86400000000 AS day,
        CAST(min(flow_end) AS BIGINT) AS first,
        CAST(max(flow_end) AS BIGINT) AS last
    FROM flows
    WHERE
        src_mac IS NOT NULL AND ip_version = 4 AND direction <> 'inbound'
        AND flow_end >= $from AND flow_end <= $to
    GROUP BY src_mac, src_ip, CAST(flow_end AS BIGINT) / 86400000000
)
GROUP BY client, day
HAVING count(*) > 8
