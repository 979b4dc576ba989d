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
-- Runs are found by their first and last page views, which neighbours tell: to number them by a running count instead
-- would take five times as long.
WITH steps AS (
    SELECT visitor_pseudonym, event_date, event_at, route, referrer_channel, referrer_source,
        row_number() OVER in_order AS place,
        coalesce(event_at - lag(event_at) OVER in_order <= INTERVAL 30 MINUTES, false) AS is_soon,
        is_soon AND event_date <> lag(event_date) OVER in_order AS is_over_midnight,
        coalesce(lead(event_at) OVER in_order - event_at <= INTERVAL 30 MINUTES, false) AS goes_on,
        goes_on AND event_date = lead(event_date) OVER in_order AS goes_on_today
    FROM people.page_views
    WHERE visitor_pseudonym IS NOT NULL AND list_contains($read_dates, event_date)
    WINDOW in_order AS (
        PARTITION BY visitor_pseudonym
        ORDER BY event_at, referrer_channel = 'internal', route, referrer_channel, referrer_source
    )
),
ends AS (
    SELECT *, NOT is_soon OR is_over_midnight AS is_first, NOT goes_on_today AS is_last
    FROM steps
    WHERE is_first OR is_last
),
-- A part is what a visit has on one day: a first page view, and the last one that comes next.
parts AS (
    SELECT visitor_pseudonym, event_date, place, is_over_midnight,
        event_at AS started_at,
        if(is_last, event_at, lead(event_at) OVER in_order) AS ended_at,
        if(is_last, 1, lead(place) OVER in_order - place + 1) AS page_views,
        route AS entry_route,
        if(is_last, route, lead(route) OVER in_order) AS exit_route,
        referrer_channel AS channel,
        referrer_source AS source
    FROM ends
    WINDOW in_order AS (PARTITION BY visitor_pseudonym ORDER BY place)
    QUALIFY is_first
),
continued AS (
    SELECT *,
        is_over_midnight AND lag(ended_at - started_at) OVER in_order < INTERVAL 20 HOURS AS continues_visit
    FROM parts
    WINDOW in_order AS (PARTITION BY visitor_pseudonym ORDER BY place)
),
-- A visit is a part that continues none, with the one that continues it.
visits AS (
    SELECT visitor_pseudonym, event_date AS start_date, continues_visit, started_at, entry_route, channel, source,
        coalesce(lead(if(continues_visit, ended_at, NULL)) OVER in_order, ended_at) AS ended_at,
        coalesce(lead(if(continues_visit, page_views, NULL)) OVER in_order, 0) + page_views AS page_views,
        coalesce(lead(if(continues_visit, exit_route, NULL)) OVER in_order, exit_route) AS exit_route
    FROM continued
    WINDOW in_order AS (PARTITION BY visitor_pseudonym ORDER BY place)
)
SELECT visitor_pseudonym,
    start_date,
    started_at,
    ended_at,
    epoch_us(ended_at) - epoch_us(started_at) AS visit_microseconds,
    page_views,
    page_views = 1 AS is_bounce,
    entry_route,
    exit_route,
    channel,
    source
FROM visits
WHERE NOT continues_visit AND list_contains($event_dates, start_date)
