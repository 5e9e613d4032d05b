-- What some questions ask about: somebody busy, but not the busiest, and the last day. {…} in the questions stands for these.
SELECT
    (SELECT dst_ip FROM flows WHERE direction = 'outbound' GROUP BY dst_ip ORDER BY count(*) DESC, dst_ip LIMIT 1 OFFSET 100) AS address,
    (SELECT server_name FROM flows WHERE server_name IS NOT NULL GROUP BY server_name ORDER BY count(*) DESC, server_name LIMIT 1 OFFSET 100) AS name,
    (SELECT src_ip FROM flows WHERE direction = 'outbound' GROUP BY src_ip ORDER BY count(*) DESC, src_ip LIMIT 1 OFFSET 100) AS client,
    (SELECT CAST(CAST(max(flow_end) AS date) AS text) FROM flows) AS day
