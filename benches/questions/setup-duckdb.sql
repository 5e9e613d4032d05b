-- The store's files as a table, and the catalog's lists in memory, as our own session holds its catalog. Vendors and countries are numbers inside.
SET TimeZone = 'UTC';
CREATE VIEW flows AS SELECT * FROM read_parquet('{store}/flows/*/*/*.parquet', hive_partitioning = false);
CREATE TYPE vendor AS ENUM (SELECT DISTINCT coalesce(vendor, '') FROM '{tables}/suffixes.parquet' ORDER BY 1);
CREATE TABLE suffixes AS SELECT suffix, coalesce(vendor, '')::vendor AS vendor FROM '{tables}/suffixes.parquet';
CREATE TYPE country AS ENUM (
    SELECT DISTINCT country FROM read_parquet(['{tables}/steps_v4.parquet', '{tables}/steps_v6.parquet']) WHERE country IS NOT NULL ORDER BY 1
);
CREATE TABLE steps_v4 AS SELECT first, country::country AS country FROM '{tables}/steps_v4.parquet' ORDER BY first;
CREATE TABLE steps_v6 AS SELECT first, country::country AS country FROM '{tables}/steps_v6.parquet' ORDER BY first;
-- Views are worked out anew with each question. Of a name: all its suffixes, and the longest that has a rule.
CREATE VIEW vendors AS
SELECT server_name, nullif(arg_max(vendor, length(suffix)), '') AS vendor
FROM (
    SELECT server_name,
           unnest(list_transform(generate_series(1, len(labels)), lambda count: array_to_string(labels[-count:], '.'))) AS suffix
    FROM (SELECT server_name, string_split(server_name, '.') AS labels FROM (SELECT DISTINCT server_name FROM flows))
)
JOIN suffixes USING (suffix)
GROUP BY server_name;
-- Of an address: the last step before it, IPv4 as a number, IPv6 as all its digits.
CREATE VIEW places AS
WITH addresses AS MATERIALIZED (SELECT DISTINCT dst_ip FROM flows)
SELECT dst_ip, country
FROM (
    SELECT dst_ip, list_reduce(list_transform(string_split(dst_ip, '.'), lambda part: part::BIGINT), lambda high, low: high * 256 + low) AS address
    FROM addresses
    WHERE dst_ip NOT LIKE '%:%'
)
ASOF JOIN steps_v4 ON address >= first
UNION ALL
SELECT dst_ip, country
FROM (
    SELECT dst_ip,
           array_to_string(
               list_transform(
                   list_concat(high, list_concat(list_resize([]::VARCHAR[], 8 - len(high) - len(low), '0'), low)),
                   lambda part: lpad(part, 4, '0')
               ),
               ''
           ) AS address
    FROM (
        SELECT dst_ip,
               list_filter(string_split(split_part(dst_ip, '::', 1), ':'), lambda part: part <> '') AS high,
               list_filter(string_split(split_part(dst_ip, '::', 2), ':'), lambda part: part <> '') AS low
        FROM addresses
        WHERE dst_ip LIKE '%:%'
    )
)
ASOF JOIN steps_v6 ON address >= first;
