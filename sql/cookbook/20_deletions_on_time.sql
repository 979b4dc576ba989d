-- question: Are deletion requests completed on time?
SELECT month, received_count, completed_count, held_count, overdue_count, median_days, maximum_days, canary_recall
FROM marts.deletions_monthly
ORDER BY month DESC
LIMIT 12
