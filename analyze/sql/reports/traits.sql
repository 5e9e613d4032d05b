-- The records of the day with what a table may tell of them beyond vendor and place: the name behind what nobody could be named for, the name and
-- address that disagree, or who else is named.
SELECT
    *,
    CASE standing
        WHEN 'attributed' THEN contested_with
        WHEN 'mismatch' THEN concat_ws(' ', service_vendor, server_name, dst_ip)
        ELSE coalesce(registered_domain(server_name), server_name, coalesce(service, proto))
    END AS trait
FROM day
