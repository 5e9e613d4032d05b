-- What crossed the border of the inside networks, or cannot be told from it. Traffic among inside hosts goes to nobody.
SELECT * FROM day WHERE direction <> 'internal'
