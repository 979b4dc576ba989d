-- purpose: How many members are active, and how many visitors are new, each day and over the days before it.
-- grain: one row per day of $event_dates; a day on which nobody was active is a row of zeros, with those of its windows
--
-- Active are the members of people.member_days: who saw a page or opened the application. A window ends on the row's
-- day, 7 days or 28 days long, and counts everybody once. Visitors are those of people.visitor_days: new is who was
-- seen on none of the 27 days before, returning all others.
-- A figure over days under two keys is null, for nobody can be known again from one key to the next.
-- A person-day counts in a window from its own day until the day before the person's next one, which then counts
-- instead: so the person-days are gone through once, whatever the number of windows.
WITH days AS (
    SELECT DISTINCT unnest($event_dates::DATE[]) AS event_date
),
member_steps AS (
    SELECT from_date, next_date, count(*) AS members
    FROM (
        SELECT event_date AS from_date,
            lead(event_date) OVER (PARTITION BY user_pseudonym ORDER BY event_date) AS next_date
        FROM people.member_days
        WHERE list_contains($read_dates, event_date)
    )
    GROUP BY ALL
),
members AS (
    SELECT event_date,
        coalesce(sum(members) FILTER (from_date = event_date), 0) AS dau,
        coalesce(sum(members) FILTER (from_date > event_date - 7), 0) AS wau,
        coalesce(sum(members), 0) AS mau
    FROM days
    LEFT JOIN member_steps
        ON from_date BETWEEN event_date - 27 AND event_date AND coalesce(next_date > event_date, true)
    GROUP BY event_date
),
member_keys AS (
    SELECT event_date AS from_date, key_id
    FROM people.member_days
    WHERE list_contains($read_dates, event_date)
    GROUP BY ALL
),
windows AS (
    SELECT event_date,
        count(DISTINCT from_date) FILTER (from_date > event_date - 7) AS wau_days,
        count(DISTINCT from_date) AS mau_days,
        count(DISTINCT key_id) FILTER (from_date = event_date) AS dau_keys,
        count(DISTINCT key_id) FILTER (from_date > event_date - 7) AS wau_keys,
        count(DISTINCT key_id) AS mau_keys
    FROM days
    LEFT JOIN member_keys ON from_date BETWEEN event_date - 27 AND event_date
    GROUP BY event_date
),
visitor_steps AS (
    SELECT event_date,
        lag(event_date) OVER (PARTITION BY visitor_pseudonym ORDER BY event_date) AS previous_date
    FROM people.visitor_days
    WHERE list_contains($read_dates, event_date)
),
visitors AS (
    SELECT event_date,
        count(*) AS visitors,
        count(*) FILTER (previous_date >= event_date - 27) AS returning_visitors
    FROM visitor_steps
    GROUP BY event_date
),
visitor_keys AS (
    SELECT days.event_date, count(DISTINCT key_id) AS visitor_keys
    FROM days
    LEFT JOIN (
        SELECT event_date AS from_date, key_id
        FROM people.visitor_days
        WHERE list_contains($read_dates, event_date)
        GROUP BY ALL
    ) ON from_date BETWEEN days.event_date - 27 AND days.event_date
    GROUP BY days.event_date
)
SELECT event_date,
    if(dau_keys <= 1, members.dau, NULL) AS dau,
    if(wau_keys <= 1, members.wau, NULL) AS wau,
    if(mau_keys <= 1, members.mau, NULL) AS mau,
    wau_days,
    mau_days,
    -- With one key in the whole window there is one on the day as well.
    if(mau_keys <= 1, members.dau / nullif(members.mau, 0), NULL) AS stickiness,
    if(visitor_keys <= 1, coalesce(visitors - returning_visitors, 0), NULL) AS new_visitors,
    if(visitor_keys <= 1, coalesce(returning_visitors, 0), NULL) AS returning_visitors
FROM members
JOIN windows USING (event_date)
JOIN visitor_keys USING (event_date)
LEFT JOIN visitors USING (event_date)
