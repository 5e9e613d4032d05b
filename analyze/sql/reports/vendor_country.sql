-- The answer: vendor by country of the server. What nobody could be named for, and what its own address speaks against, are rows too.
SELECT
    standing,
    CASE WHEN standing = 'unattributed' THEN NULL ELSE service_vendor END AS vendor,
    place,
    max(vendor_country) AS vendor_seat,
    sum(bytes_up) AS bytes_up,
    sum(bytes_down) AS bytes_down,
    sum(began) AS flows,
    count(DISTINCT client_ip) AS clients,
    coalesce(max(CASE WHEN evidence <> 'other' THEN evidence END), 'other') AS best_evidence,
    min(evidence) AS least_evidence
FROM outside
GROUP BY standing, CASE WHEN standing = 'unattributed' THEN NULL ELSE service_vendor END, place
ORDER BY standing, vendor, bytes_up DESC, place
