SELECT
    coalesce(sum(bytes_up), 0) AS bytes_up,
    coalesce(sum(bytes_down), 0) AS bytes_down,
    coalesce(sum(packets), 0) AS packets,
    coalesce(sum(began), 0) AS flows,
    count(*) AS records,
    count(DISTINCT client_ip) AS clients,
    count(DISTINCT CASE WHEN standing = 'unattributed' THEN client_ip END) AS unattributed_clients,
    count(DISTINCT CASE WHEN standing = 'mismatch' THEN client_ip END) AS mismatch_clients,
    count(DISTINCT CASE WHEN standing = 'attributed' AND service_vendor <> 'other' THEN service_vendor END) AS vendors,
    count(DISTINCT server_country) AS countries,
    coalesce(sum(CASE WHEN standing = 'attributed' THEN bytes_up END), 0) AS attributed_bytes_up,
    coalesce(sum(CASE WHEN standing = 'unattributed' THEN bytes_up END), 0) AS unattributed_bytes_up,
    coalesce(sum(CASE WHEN standing = 'mismatch' THEN bytes_up END), 0) AS mismatch_bytes_up,
    coalesce(sum(CASE WHEN contested THEN bytes_up END), 0) AS contested_bytes_up,
    coalesce(sum(CASE WHEN country_disputed THEN bytes_up END), 0) AS disputed_bytes_up,
    coalesce(sum(CASE WHEN anycast THEN bytes_up END), 0) AS anycast_bytes_up,
    coalesce(sum(missed_bytes), 0) AS missed_bytes
FROM outside
