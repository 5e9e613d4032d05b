-- The records with the cell each belongs to: all that tables tell of it, joined by unit separators, the trait last, for it may hold anything.
SELECT
    *,
    CASE
        WHEN direction = 'internal' THEN 'internal'
        ELSE
            concat_ws(
                chr(31),
                standing,
                CASE WHEN standing <> 'unattributed' THEN service_vendor ELSE '' END,
                place,
                evidence,
                coalesce(device_vendor, ''),
                concat(coalesce(operator_asn, 0), ' ', coalesce(operator, ''), ' ', coalesce(operator_country, '')),
                direction,
                hour,
                coalesce(country_disputed, FALSE),
                CASE WHEN standing = 'attributed' THEN coalesce(trait, '') ELSE coalesce(listed_trait, '*') END
            )
    END AS cell
FROM traits
LEFT JOIN listed ON standing = listed_standing AND trait = listed_trait
