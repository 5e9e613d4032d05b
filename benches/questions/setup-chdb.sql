-- The store's files as a table, and the catalog's lists in memory, as our own session holds its catalog. Vendors and countries are numbers inside.
CREATE DATABASE IF NOT EXISTS contest;
USE contest;
CREATE VIEW flows AS SELECT * FROM file('{store}/flows/*/*/*.parquet', Parquet);
CREATE TABLE vendor_names ENGINE = Memory AS
SELECT toUInt64(rowNumberInAllBlocks() + 1) AS id, vendor
FROM (SELECT DISTINCT assumeNotNull(vendor) AS vendor FROM file('{tables}/suffixes.parquet', Parquet) WHERE vendor IS NOT NULL ORDER BY vendor);
-- A suffix that decides for nobody has a number of its own, or a shorter one would decide.
CREATE TABLE suffixes ENGINE = Memory AS
SELECT assumeNotNull(suffix) AS suffix, toUInt16(if(empty(listed.vendor), 65535, names.id)) AS vendor
FROM (SELECT suffix, ifNull(vendor, '') AS vendor FROM file('{tables}/suffixes.parquet', Parquet)) AS listed
LEFT JOIN vendor_names AS names ON listed.vendor = names.vendor;
CREATE TABLE prefixes ENGINE = Memory AS
SELECT assumeNotNull(prefix) AS prefix, assumeNotNull(country) AS country FROM file('{tables}/prefixes.parquet', Parquet);
CREATE DICTIONARY vendor_name (id UInt64, vendor Nullable(String) DEFAULT NULL)
PRIMARY KEY id SOURCE(CLICKHOUSE(TABLE 'vendor_names' DB 'contest')) LAYOUT(FLAT()) LIFETIME(0);
CREATE DICTIONARY vendor_by_suffix (suffix String, vendor UInt16 DEFAULT 0)
PRIMARY KEY suffix SOURCE(CLICKHOUSE(TABLE 'suffixes' DB 'contest')) LAYOUT(COMPLEX_KEY_HASHED()) LIFETIME(0);
CREATE DICTIONARY country_by_prefix (prefix String, country String DEFAULT '')
PRIMARY KEY prefix SOURCE(CLICKHOUSE(TABLE 'prefixes' DB 'contest')) LAYOUT(IP_TRIE()) LIFETIME(0);
SYSTEM RELOAD DICTIONARY vendor_name;
SYSTEM RELOAD DICTIONARY vendor_by_suffix;
SYSTEM RELOAD DICTIONARY country_by_prefix;
-- Views are worked out anew with each question. Of a name: the first of its suffixes, the longest first, that has a rule.
CREATE VIEW vendors AS
SELECT server_name,
       arrayFirst(
           found -> found != 0,
           arrayMap(
               from -> dictGet('contest.vendor_by_suffix', 'vendor', tuple(arrayStringConcat(arraySlice(labels, from), '.'))),
               range(1, length(labels) + 1)
           )
       ) AS found,
       if(found = 65535, 0, found) AS vendor
FROM (
    SELECT server_name, splitByChar('.', assumeNotNull(server_name)) AS labels
    FROM (SELECT server_name FROM flows WHERE server_name IS NOT NULL GROUP BY server_name)
);
CREATE VIEW places AS
SELECT dst_ip, toFixedString(dictGet('contest.country_by_prefix', 'country', tuple(toIPv6(dst_ip))), 2) AS country
FROM (SELECT dst_ip FROM flows GROUP BY dst_ip);
