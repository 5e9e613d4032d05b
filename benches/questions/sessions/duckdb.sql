SELECT flow_start, flow_id, flow_part, dst_ip, dst_port, proto, server_name, bytes, conn_state
FROM flows
WHERE src_ip = '{client}'
ORDER BY flow_start, flow_id, flow_part
LIMIT 1000
