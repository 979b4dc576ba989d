-- purpose: What became of every line received, each day.
-- grain: one row per day of receipt, those of $event_dates, and source
--
-- Files that were committed, and files known to be duplicates of earlier ones, count; files held back count only once
-- they are committed. reject_rate is null where no line was read.
-- late_count counts accepted lines whose visitor nobody could tell any longer: the key of their day was destroyed. Their
-- rows have no visitor_pseudonym, and count as page views and in nothing about visitors and visits.
-- undeclared_count counts fields, not lines: what a file held beyond its contract, dropped before anything was stored.
SELECT received_date,
    source,
    count(*) AS file_count,
    sum(read_count) AS read_count,
    sum(accepted_count) AS accepted_count,
    sum(rejected_count) AS rejected_count,
    sum(duplicate_count) AS duplicate_count,
    sum(suppressed_count) AS suppressed_count,
    sum(late_count) AS late_count,
    count(*) FILTER (state = 'duplicate') AS duplicate_file_count,
    sum(undeclared_count) AS undeclared_count,
    sum(rejected_count) / nullif(sum(read_count), 0) AS reject_rate
FROM control.source_files
WHERE state IN ('committed', 'duplicate') AND list_contains($event_dates, received_date)
GROUP BY received_date, source
