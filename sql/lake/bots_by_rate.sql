-- purpose: Visitors who ask for more than a person can, and are no declared bots, each day.
-- grain: one row per day of $event_dates and visitor
--
-- Counted is what a person asks for: every request but those of the page groups that $uncounted_groups names, which
-- pages fetch by themselves. More than $per_minute of them in any minute by the clock, or more than $per_hour in any
-- hour, make a bot of the visitor for that day. Members are people whatever they do; who has no visitor is not judged.
-- All files of a day count together, so neither their number nor their order nor the parts they were read in matter.
-- Where nobody is busy, as on most days, times are not even read: so requests are not kept, but read again.
WITH requests AS NOT MATERIALIZED (
    SELECT event_date, visitor_pseudonym, event_at, user_pseudonym
    FROM lake.page_views
    WHERE list_contains($event_dates, event_date)
        AND visitor_pseudonym IS NOT NULL
        AND bot_family IS NULL
        AND NOT list_contains($uncounted_groups, page_group)
),
-- Few visitors reach in a whole day what they may in a minute; only theirs is worth counting by the clock.
busy AS (
    SELECT event_date, visitor_pseudonym
    FROM requests
    GROUP BY ALL
    HAVING count(*) > least($per_minute, $per_hour) AND count(user_pseudonym) = 0
),
minutes AS (
    SELECT event_date, visitor_pseudonym, date_trunc('minute', event_at) AS minute_at, count(*) AS request_count
    FROM requests SEMI JOIN busy USING (event_date, visitor_pseudonym)
    GROUP BY ALL
),
hours AS (
    SELECT event_date, visitor_pseudonym,
        max(request_count) AS most_in_a_minute,
        sum(request_count) AS request_count
    FROM minutes
    GROUP BY event_date, visitor_pseudonym, date_trunc('hour', minute_at)
)
SELECT event_date, visitor_pseudonym
FROM hours
GROUP BY event_date, visitor_pseudonym
HAVING max(most_in_a_minute) > $per_minute OR max(request_count) > $per_hour
