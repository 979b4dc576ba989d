-- Assertions on marts.retention_weekly that one column's rules cannot express; each must find no row.

-- check: no_cohort_is_of_few_people
SELECT cohort_week FROM marts.retention_weekly WHERE cohort_members < $minimum_people;

-- check: no_row_tells_of_few_people
SELECT cohort_week FROM marts.retention_weekly
WHERE week_number > 0
    AND (active_members < $minimum_people OR cohort_members - active_members < $minimum_people);

-- check: weeks_start_on_monday
SELECT cohort_week FROM marts.retention_weekly WHERE isodow(cohort_week) <> 1;

-- check: all_of_a_cohort_are_active_in_its_own_week
SELECT cohort_week FROM marts.retention_weekly
WHERE week_number = 0 AND active_members IS DISTINCT FROM cohort_members;

-- check: cohorts_begin_with_their_own_week_and_stay_the_same
SELECT cohort_week FROM marts.retention_weekly
GROUP BY cohort_week
HAVING min(week_number) > 0
    OR count(DISTINCT cohort_members) > 1
    OR count(cohort_members) NOT IN (0, count(*))
    OR count(DISTINCT history_weeks) > 1;

-- check: rates_exist_exactly_with_active_members
SELECT cohort_week FROM marts.retention_weekly WHERE (active_members IS NULL) <> (retention_rate IS NULL);
