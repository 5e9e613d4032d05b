SELECT
    CASE WHEN standing = 'mismatch' THEN 'mismatch' ELSE evidence END AS rung,
    sum(bytes_up) AS bytes_up,
    sum(bytes_down) AS bytes_down,
    sum(began) AS flows,
    count(DISTINCT client_ip) AS clients
FROM outside
GROUP BY CASE WHEN standing = 'mismatch' THEN 'mismatch' ELSE evidence END
ORDER BY rung
