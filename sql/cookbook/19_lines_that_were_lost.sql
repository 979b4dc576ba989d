-- question: Which source sends lines that cannot be read, or come too late?
SELECT source,
    sum(read_count) AS lines_read,
    sum(rejected_count) AS rejected,
    round(sum(rejected_count) / nullif(sum(read_count), 0), 4) AS reject_rate,
    sum(duplicate_count) AS duplicate,
    sum(late_count) AS late
FROM marts.data_quality_daily
GROUP BY source
ORDER BY reject_rate DESC NULLS LAST, source
