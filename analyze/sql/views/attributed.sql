-- All columns of flows, and the judgement of each row. The judgement is made once a row, in the
-- inner query; which end is judged follows from direction, here for the sums and in attribute() for
-- the rest: an inbound flow came from outside, so what dst sent went out.
CREATE VIEW attributed AS
SELECT
  * EXCEPT (judgement),
  judgement['service_vendor'] AS service_vendor,
  judgement['service_product'] AS service_product,
  judgement['operator'] AS operator,
  judgement['operator_asn'] AS operator_asn,
  judgement['server_country'] AS server_country,
  judgement['operator_country'] AS operator_country,
  judgement['vendor_country'] AS vendor_country,
  judgement['vendor_parent'] AS vendor_parent,
  judgement['anycast'] AS anycast,
  judgement['country_disputed'] AS country_disputed,
  judgement['device_vendor'] AS device_vendor,
  judgement['device_evidence'] AS device_evidence,
  judgement['evidence'] AS evidence,
  judgement['rule_id'] AS rule_id,
  judgement['contested'] AS contested,
  judgement['contested_with'] AS contested_with,
  judgement['name_ip_mismatch'] AS name_ip_mismatch,
  judgement['ech'] AS ech,
  CASE direction WHEN 'inbound' THEN dst_bytes ELSE src_bytes END AS bytes_up,
  CASE direction WHEN 'inbound' THEN src_bytes ELSE dst_bytes END AS bytes_down,
  judgement['catalog_id'] AS catalog_id
FROM (
  SELECT
    *,
    attribute(
      direction, src_ip, dst_ip, src_mac, dst_mac, server_name, server_name_source, dns_names,
      http_user_agent, ech_offered, flow_first_seen
    ) AS judgement
  FROM flows
)
