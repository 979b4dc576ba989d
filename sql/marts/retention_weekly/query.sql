-- purpose: How many of the members who come, or come back after 8 weeks, are there again in the 12 weeks after.
-- grain: one row per ISO week of $event_dates in which enough members began, and week_number from 0 to at most 12
--
-- Active are the members of people.member_days. The cohort of a week is who was active in it and in none of the 8 weeks
-- before; week_number 0 is that week itself. Rows go on to the last of the 12 weeks after in which anybody was active.
-- Cohorts of fewer than $minimum_people members have no row. After week 0, active members are null where they, or those
-- of the cohort who were not active, are fewer than $minimum_people.
-- A figure over weeks under two keys is null, for nobody can be known again from one key to the next: the cohort needs
-- one key in its week and the 8 before, active members one from then on to their week.
WITH member_days AS (
    SELECT date_trunc('week', event_date)::DATE AS week_start, event_date, user_pseudonym, key_id
    FROM people.member_days
    WHERE list_contains($read_dates, event_date)
),
member_weeks AS (
    SELECT DISTINCT week_start, user_pseudonym
    FROM member_days
),
weeks AS (
    SELECT week_start, count(DISTINCT event_date) AS week_days
    FROM member_days
    GROUP BY week_start
),
week_keys AS (
    SELECT DISTINCT week_start, key_id
    FROM member_days
),
beginners AS (
    SELECT week_start AS cohort_week, user_pseudonym
    FROM member_weeks
    QUALIFY coalesce(lag(week_start) OVER (PARTITION BY user_pseudonym ORDER BY week_start) < week_start - 56, true)
        AND list_contains($event_dates, week_start)
),
activity AS (
    SELECT cohort_week, week_start, count(*) AS active
    FROM beginners
    JOIN member_weeks USING (user_pseudonym)
    WHERE week_start BETWEEN cohort_week AND cohort_week + 84
    GROUP BY cohort_week, week_start
),
cohorts AS (
    SELECT weeks.week_start AS cohort_week,
        coalesce(any_value(active), 0) AS cohort,
        (
            SELECT count(*) FROM weeks AS other
            WHERE other.week_start >= weeks.week_start - 56 AND other.week_start < weeks.week_start
        ) AS history_weeks,
        (
            SELECT max(other.week_start) FROM weeks AS other WHERE other.week_start <= weeks.week_start + 84
        ) AS last_week
    FROM weeks
    LEFT JOIN activity ON activity.cohort_week = weeks.week_start AND activity.week_start = weeks.week_start
    WHERE list_contains($event_dates, weeks.week_start)
    GROUP BY weeks.week_start
),
rows AS (
    SELECT cohort_week, cohort, history_weeks, cohort_week + 7 * week_number::INTEGER AS week_start, week_number
    FROM cohorts CROSS JOIN range(13) AS numbers(week_number)
    WHERE week_start <= last_week
),
keyed AS (
    SELECT rows.cohort_week, rows.week_start,
        count(DISTINCT key_id) FILTER (week_keys.week_start <= rows.cohort_week) AS cohort_keys,
        count(DISTINCT key_id) AS keys
    FROM rows
    JOIN week_keys ON week_keys.week_start BETWEEN rows.cohort_week - 56 AND rows.week_start
    GROUP BY ALL
),
known AS (
    SELECT *,
        if(cohort_keys = 1, cohort, NULL) AS cohort_members,
        if(keys = 1, coalesce(active, 0), NULL) AS active_known
    FROM rows
    JOIN keyed USING (cohort_week, week_start)
    LEFT JOIN activity USING (cohort_week, week_start)
    LEFT JOIN weeks USING (week_start)
    WHERE cohort_keys > 1 OR cohort >= $minimum_people
)
SELECT cohort_week,
    week_number,
    cohort_members,
    if(
        week_number = 0 OR (active_known >= $minimum_people AND cohort_members - active_known >= $minimum_people),
        active_known,
        NULL
    ) AS active_members,
    active_members / cohort_members AS retention_rate,
    history_weeks,
    coalesce(week_days, 0) AS week_days
FROM known
