-- purpose: Visits of people, by the 30-minute rule.
-- grain: one row per visit that starts on a day of $event_dates
--
-- A visit is a run of one visitor's page views with no gap of more than 30 minutes. It belongs to the day on which it
-- starts and may run on over midnight, never over a second one: what has run for 20 hours before a midnight ends there,
-- and whatever came over the midnight before has, the shortest of days being 21 hours long. So a visit is known from
-- its day, the day before and the day after, which are $read_dates. Gaps are real time, whatever clocks are put to.
-- Only members and devices can run on over midnight: a passing visitor has another pseudonym every day. A page view
-- without a visitor, whose line came too late to tell, is in no visit.
-- Of pages of the same microsecond the one that was reached from elsewhere comes first, then the order is by name, so
-- that nothing depends on the files in which they came.
WITH steps AS (
    SELECT event_date, event_at, visitor_pseudonym,
        struct_pack(
            event_at := event_at,
            is_internal := referrer_channel = 'internal',
            route := route,
            channel := referrer_channel,
            source := referrer_source
        ) AS page,
        coalesce(event_at - lag(event_at) OVER in_order <= INTERVAL 30 MINUTES, false) AS is_soon,
        is_soon AND event_date <> lag(event_date) OVER in_order AS is_over_midnight
    FROM people.page_views
    WHERE visitor_pseudonym IS NOT NULL AND list_contains($read_dates, event_date)
    WINDOW in_order AS (PARTITION BY visitor_pseudonym ORDER BY event_at)
),
-- A part is what a visit has on one day.
numbered AS (
    SELECT *, count(*) FILTER (NOT is_soon OR is_over_midnight) OVER in_order AS part
    FROM steps
    WINDOW in_order AS (PARTITION BY visitor_pseudonym ORDER BY event_at)
),
parts AS (
    SELECT visitor_pseudonym, part,
        any_value(event_date) AS event_date,
        count(*) AS page_views,
        min(page) AS entry,
        max(page) AS exit,
        bool_or(is_over_midnight) AS is_over_midnight
    FROM numbered
    GROUP BY visitor_pseudonym, part
),
continued AS (
    SELECT *,
        is_over_midnight
            AND lag(exit.event_at - entry.event_at) OVER in_order < INTERVAL 20 HOURS AS continues_visit
    FROM parts
    WINDOW in_order AS (PARTITION BY visitor_pseudonym ORDER BY part)
),
visits AS (
    SELECT *, count(*) FILTER (NOT continues_visit) OVER in_order AS visit
    FROM continued
    WINDOW in_order AS (PARTITION BY visitor_pseudonym ORDER BY part)
)
SELECT visitor_pseudonym,
    min(event_date) AS start_date,
    min(entry).event_at AS started_at,
    max(exit).event_at AS ended_at,
    epoch_us(ended_at) - epoch_us(started_at) AS visit_microseconds,
    sum(page_views)::BIGINT AS page_views,
    sum(page_views) = 1 AS is_bounce,
    min(entry).route AS entry_route,
    max(exit).route AS exit_route,
    min(entry).channel AS channel,
    min(entry).source AS source
FROM visits
GROUP BY visitor_pseudonym, visit
HAVING list_contains($event_dates, min(event_date))
