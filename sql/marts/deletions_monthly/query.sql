-- purpose: What became of deletion requests, each month.
-- grain: one row per month, under its first day, those of $event_dates, in which the ledger has anything of deletions
--
-- Each figure counts in the month in which it came about: a request is received in one and may be completed in another.
-- held_count counts moves to held, so that a request that is held twice counts twice. A request is overdue in the month
-- of its due date unless it was completed or refused by then. Days run from receipt to completion.
-- erased_row_count tells how active people were: it is null for fewer than $minimum_people completed requests.
-- Canaries are people who do not exist, planted and deleted to measure the proof: they count in their own columns only.
-- canary_recall is the share of deleted canaries that audits found absent in every form; null without any.
SELECT month,
    count(*) FILTER (fact = 'received') AS received_count,
    count(*) FILTER (fact = 'completed') AS completed_count,
    count(*) FILTER (fact = 'refused') AS refused_count,
    count(*) FILTER (fact = 'held') AS held_count,
    count(*) FILTER (fact = 'overdue') AS overdue_count,
    median(days) AS median_days,
    max(days) AS maximum_days,
    if(completed_count >= $minimum_people, coalesce(sum(row_count), 0), NULL) AS erased_row_count,
    coalesce(sum(expected_count), 0) AS canary_expected_count,
    coalesce(sum(absent_count), 0) AS canary_absent_count,
    canary_absent_count / nullif(canary_expected_count, 0) AS canary_recall
FROM control.deletion_facts
WHERE list_contains($event_dates, month)
GROUP BY month
