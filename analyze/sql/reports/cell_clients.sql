SELECT DISTINCT cell, client_ip FROM cells
