-- The names behind what nobody could be named for: where the next rule of the catalog would help most. Without a name, the protocol.
SELECT
    coalesce(registered_domain(server_name), server_name) AS name,
    CASE WHEN server_name IS NULL THEN coalesce(service, proto) END AS service,
    sum(bytes_up) AS bytes_up,
    sum(bytes_down) AS bytes_down,
    sum(began) AS flows,
    count(DISTINCT client_ip) AS clients
FROM outside
WHERE standing = 'unattributed'
GROUP BY
    coalesce(registered_domain(server_name), server_name),
    CASE WHEN server_name IS NULL THEN coalesce(service, proto) END
ORDER BY bytes_up DESC, name, service
LIMIT 20
