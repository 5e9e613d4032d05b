-- The records that began on the day, with the client and the labels that reports group by.
-- A record belongs to the day in which its first packet came. The bounds of `flow_end` follow from that, for a record is cut after a week at the
-- latest, and prune the other partitions.
SELECT
    *,
    CASE WHEN direction = 'inbound' THEN dst_ip ELSE src_ip END AS client_ip,
    CASE WHEN flow_part = 0 THEN 1 ELSE 0 END AS began,
    (CAST(flow_start AS BIGINT) - $from_us) / 3600000000 AS hour,
    CASE WHEN anycast THEN 'anycast' ELSE coalesce(server_country, 'none') END AS place,
    CASE
        WHEN service_vendor IS NULL THEN 'unattributed'
        WHEN name_ip_mismatch THEN 'mismatch'
        ELSE 'attributed'
    END AS standing
FROM attributed
WHERE
    flow_start >= $from AND flow_start < $to
    AND flow_end >= $from AND flow_end < $to + INTERVAL '8 days'
