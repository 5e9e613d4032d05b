-- The intervals of the ledger that touch the day.
SELECT * FROM ledger WHERE ts_start < $to AND ts_end >= $from
