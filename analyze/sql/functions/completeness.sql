-- How much of an answer is certain: a row for each vendor that something was sent to from $from until $to, and one without a vendor
-- for what is attributed to nobody or stands apart. All sums but `bytes_up` are of the traffic before sampling.
--
-- At most: what is the vendor's, what is open (attributed to nobody, standing apart, contested with others) and what was lost,
-- at the mean size of what was seen; where loss was not counted there is no such bound. It is one of the traffic that `at_most_of` names: time
-- that no row of the ledger covers had traffic too, and `watched_percent` is what the least watched interface saw of the time. Packets are drawn independently, so the variance of a sum of sampled octets is that of its packets:
-- size squared, times rate * (rate - 1). Sizes of single packets are not on record; a record's are taken as 1500, or its mean where that is more.
WITH records AS (
    SELECT
        CASE WHEN NOT name_ip_mismatch THEN service_vendor END AS vendor,
        service_vendor IS NULL AS is_unattributed,
        coalesce(name_ip_mismatch, FALSE) AS is_mismatch,
        service_vendor IS NULL OR name_ip_mismatch OR contested AS is_open,
        contested,
        bytes_up AS raw,
        CAST(bytes_up AS DOUBLE) * sampling_rate AS scaled,
        CAST(bytes_up AS DOUBLE)
        * greatest(1500.0, CAST(bytes_up AS DOUBLE) / greatest(CASE direction WHEN 'inbound' THEN dst_packets ELSE src_packets END, 1))
        * sampling_rate
        * (sampling_rate - 1) AS variance
    FROM attributed
    WHERE
        flow_start >= $from AND flow_start < $to
        AND flow_end >= $from AND flow_end < $to + INTERVAL '8 days' AND direction <> 'internal'
),

whole AS (
    SELECT
        sum(scaled) AS scaled,
        sum(CASE WHEN is_open THEN scaled ELSE 0 END) AS open,
        sum(CASE WHEN is_open THEN variance ELSE 0 END) AS open_variance,
        sum(CASE WHEN is_unattributed THEN scaled ELSE 0 END) AS unattributed,
        sum(CASE WHEN is_mismatch THEN scaled ELSE 0 END) AS mismatch,
        sum(CASE WHEN contested THEN scaled ELSE 0 END) AS contested
    FROM records
),

vendors AS (
    SELECT
        vendor,
        sum(raw) AS raw,
        sum(scaled) AS scaled,
        sum(variance) AS variance,
        sum(CASE WHEN is_open THEN scaled ELSE 0 END) AS open,
        sum(CASE WHEN is_open THEN variance ELSE 0 END) AS open_variance
    FROM records
    GROUP BY vendor
),

counted AS (
    SELECT
        count(CASE WHEN kind = 'interval' THEN 1 END) AS intervals,
        count(CASE WHEN kind = 'interval' AND backend NOT IN ('file', 'stream') THEN 1 END) AS live,
        count(
            CASE WHEN kind = 'interval' AND backend NOT IN ('file', 'stream') AND kernel_drops IS NULL THEN 1 END
        ) AS uncounted,
        CAST(coalesce(sum(packets_seen), 0) AS DOUBLE) AS seen,
        CAST(coalesce(sum(kernel_drops), 0) AS DOUBLE) AS kernel_drops,
        CAST(coalesce(sum(queue_drops), 0) AS DOUBLE) AS queue_drops,
        CAST(coalesce(sum(filtered), 0) AS DOUBLE) AS filtered,
        CAST(coalesce(sum(rows_lost_packets), 0) + coalesce(sum(open_lost), 0) AS DOUBLE) AS late
    FROM ledger
    WHERE ts_start < $to AND ts_end >= $from
),

came AS (
    SELECT
        *,
        greatest(seen, queue_drops) + kernel_drops AS came,
        greatest(greatest(seen, queue_drops) - queue_drops - filtered, late) AS matched
    FROM counted
),

-- Lanes share their time: an interval counts once, by the lane that saw the least. coverage_s is whole seconds.
intervals AS (
    SELECT
        sensor_id,
        interface,
        min(
            CAST(least(CAST(ts_end AS BIGINT), $to_us) - greatest(CAST(ts_start AS BIGINT), $from_us) AS DOUBLE)
            * CASE
                WHEN ts_end <= ts_start THEN 0.0
                WHEN CAST(ts_end AS BIGINT) - CAST(ts_start AS BIGINT) <= (coverage_s + 1) * 1000000 THEN 1.0
                ELSE coverage_s * 1000000.0 / (CAST(ts_end AS BIGINT) - CAST(ts_start AS BIGINT))
            END
        ) AS watched_us
    FROM ledger
    WHERE
        ts_start < $to AND ts_end >= $from
        AND kind = 'interval' AND backend NOT IN ('file', 'stream')
    GROUP BY sensor_id, interface, ts_start
),

watched AS (
    SELECT
        CASE
            WHEN min(watched_us) < $to_us - $from_us THEN min(watched_us) / ($to_us - $from_us)
            WHEN min(watched_us) IS NOT NULL THEN 1.0
        END AS share
    FROM (SELECT sum(watched_us) AS watched_us FROM intervals GROUP BY sensor_id, interface)
),

-- Without a row of the ledger, or where nobody counted what the kernel dropped, nobody knows what was lost, and so no bound.
lost AS (
    SELECT
        CASE
            WHEN intervals = 0 THEN 'unknown: the ledger has no row of this time'
            WHEN uncounted > 0 THEN concat('unknown: in ', uncounted, ' of ', live, ' intervals nobody counted what the kernel dropped')
            WHEN live = 0 THEN 'what was captured'
            WHEN watched.share < 1 OR live < intervals THEN 'what was watched'
            ELSE 'all that passed'
        END AS at_most_of,
        watched.share AS watched,
        CASE
            WHEN intervals > 0 AND uncounted = 0
                THEN
                    1.0
                    - CASE WHEN came = 0 THEN 1.0 ELSE (came - kernel_drops - queue_drops) / came END
                    * CASE WHEN matched = 0 THEN 1.0 ELSE (matched - late) / matched END
        END AS share
    FROM came CROSS JOIN watched
),

bounds AS (
    SELECT
        vendors.vendor,
        vendors.raw,
        vendors.scaled,
        1.96 * sqrt(vendors.variance) AS margin,
        vendors.scaled
        + (whole.open - vendors.open)
        + 1.96 * sqrt(vendors.variance + whole.open_variance - vendors.open_variance) AS possible,
        whole.scaled AS whole,
        whole.unattributed,
        whole.mismatch,
        whole.contested,
        lost.share AS lost,
        lost.at_most_of,
        lost.watched
    FROM vendors CROSS JOIN whole CROSS JOIN lost
)

SELECT
    vendor,
    raw AS bytes_up,
    CAST(round(scaled) AS BIGINT) AS scaled_bytes_up,
    CAST(ceil(margin) AS BIGINT) AS margin_95,
    round(100 * scaled / nullif(whole, 0), 4) AS share_percent,
    CASE WHEN lost < 1 THEN CAST(ceil(possible + whole * lost / (1 - lost)) AS BIGINT) END AS at_most_bytes_up,
    CASE
        WHEN lost < 1 THEN round(100 * least(1.0, (possible * (1 - lost) + whole * lost) / nullif(whole, 0)), 4)
        WHEN lost = 1 THEN 100.0
    END AS at_most_percent,
    round(100 * (whole - unattributed - mismatch) / nullif(whole, 0), 4) AS attributed_percent,
    round(100 * contested / nullif(whole, 0), 4) AS contested_percent,
    round(100 * mismatch / nullif(whole, 0), 4) AS mismatch_percent,
    round(100 * unattributed / nullif(whole, 0), 4) AS unattributed_percent,
    round(100 * lost, 4) AS lost_percent,
    at_most_of,
    floor(1000000 * watched) / 10000 AS watched_percent,
    remembered_percent() AS remembered_percent
FROM bounds
