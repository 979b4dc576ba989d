-- question: Of the members who begin in a week, how many are back in the weeks after?
-- Cohorts compare only where all 8 weeks before are known (history_weeks) and the week itself is over (week_days).
SELECT cohort_week, week_number, cohort_members, active_members, round(retention_rate, 2) AS retention_rate,
    history_weeks = 8 AND week_days = 7 AS is_comparable
FROM marts.retention_weekly
ORDER BY cohort_week DESC, week_number
LIMIT 52
