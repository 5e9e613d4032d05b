-- The largest of those traits; the others are told together.
SELECT standing AS listed_standing, trait AS listed_trait
FROM (
    SELECT
        standing,
        trait,
        row_number() OVER (PARTITION BY standing ORDER BY sum(bytes_up) DESC, trait) AS rank
    FROM traits
    WHERE standing <> 'attributed' AND direction <> 'internal'
    GROUP BY standing, trait
)
WHERE rank <= 20
