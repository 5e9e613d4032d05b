-- The names that were seen for a server's address, a row for each address, name and day: on flows, and in answers of the DNS.
-- An answer is to be believed for its time to live, at most a day of it, and five minutes more; a flow's name at its time. A name is
-- taken to have stayed between its first answer of a day and its last.
SELECT
    address,
    name,
    by_dns,
    CAST(min(seen) AS BIGINT) AS first,
    CAST(max(seen) AS BIGINT) AS last,
    max(CAST(seen AS BIGINT) + grace_us) AS until
FROM (
    SELECT dst_ip AS address, server_name AS name, FALSE AS by_dns, flow_end AS seen, 0 AS grace_us
    FROM flows
    WHERE server_name IS NOT NULL AND flow_end >= $from AND flow_end <= $to
    UNION ALL
    SELECT address, query AS name, TRUE AS by_dns, ts AS seen, (least(coalesce(ttl, 0), 86400) + 300) * 1000000 AS grace_us
    FROM (
        SELECT unnest(answers) AS address, unnest(answer_ttls) AS ttl, query, ts
        FROM dns
        WHERE ts >= $from AND ts <= $to
    )
    WHERE ip_version(address) IS NOT NULL
)
GROUP BY address, name, by_dns, CAST(seen AS BIGINT) / 86400000000
