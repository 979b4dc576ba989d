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
-- What is sorted is kept narrow, or it would take twice as long: pages are numbers in that order until the end, times
-- are whole microseconds, and runs are found by their first and last page views, which neighbours tell.
WITH views AS NOT MATERIALIZED (
    SELECT visitor_pseudonym, event_date,
        epoch_us(event_at) AS microsecond,
        {
            is_internal: referrer_channel = 'internal',
            route: route,
            page_group: page_group,
            channel: referrer_channel,
            source: referrer_source,
            utm_medium: utm_medium
        } AS page
    FROM people.page_views
    WHERE visitor_pseudonym IS NOT NULL AND list_contains($read_dates, event_date)
),
pages AS MATERIALIZED (
    SELECT page, row_number() OVER (ORDER BY page) AS page_number
    FROM (SELECT DISTINCT page FROM views)
),
steps AS (
    SELECT visitor_pseudonym, event_date, microsecond, page_number,
        row_number() OVER in_order AS place,
        coalesce(microsecond - lag(microsecond) OVER in_order <= 30 * 60 * 1_000_000, false) AS is_soon,
        is_soon AND event_date <> lag(event_date) OVER in_order AS is_over_midnight,
        coalesce(lead(microsecond) OVER in_order - microsecond <= 30 * 60 * 1_000_000, false) AS goes_on,
        goes_on AND event_date = lead(event_date) OVER in_order AS goes_on_today
    FROM views JOIN pages ON views.page IS NOT DISTINCT FROM pages.page
    WINDOW in_order AS (PARTITION BY visitor_pseudonym ORDER BY microsecond, page_number)
),
ends AS (
    SELECT *, NOT is_soon OR is_over_midnight AS is_first, NOT goes_on_today AS is_last
    FROM steps
    WHERE is_first OR is_last
),
-- A part is what a visit has on one day: a first page view, and the last one that comes next.
parts AS (
    SELECT visitor_pseudonym, event_date, place, is_over_midnight,
        microsecond AS first_microsecond,
        if(is_last, microsecond, lead(microsecond) OVER in_order) AS last_microsecond,
        last_microsecond - first_microsecond < 20 * 3600 * 1_000_000::BIGINT AS may_go_on,
        if(is_last, 1, lead(place) OVER in_order - place + 1) AS page_views,
        page_number AS first_page,
        if(is_last, page_number, lead(page_number) OVER in_order) AS last_page
    FROM ends
    WINDOW in_order AS (PARTITION BY visitor_pseudonym ORDER BY place)
    QUALIFY is_first
),
-- A visit is a part that continues none, with the one that continues it.
neighbours AS (
    SELECT *,
        is_over_midnight AND lag(may_go_on) OVER in_order AS continues_visit,
        may_go_on AND coalesce(lead(is_over_midnight) OVER in_order, false) AS is_continued,
        lead(last_microsecond) OVER in_order AS next_microsecond,
        lead(page_views) OVER in_order AS next_page_views,
        lead(last_page) OVER in_order AS next_page
    FROM parts
    WINDOW in_order AS (PARTITION BY visitor_pseudonym ORDER BY place)
),
visits AS (
    SELECT visitor_pseudonym, event_date AS start_date, first_microsecond, first_page,
        if(is_continued, next_microsecond, last_microsecond) AS end_microsecond,
        if(is_continued, next_page, last_page) AS end_page,
        page_views + if(is_continued, next_page_views, 0) AS visit_page_views
    FROM neighbours
    WHERE NOT continues_visit AND list_contains($event_dates, start_date)
)
SELECT visitor_pseudonym,
    start_date,
    make_timestamptz(first_microsecond) AS started_at,
    make_timestamptz(end_microsecond) AS ended_at,
    end_microsecond - first_microsecond AS visit_microseconds,
    visit_page_views AS page_views,
    visit_page_views = 1 AS is_bounce,
    entries.page.page_group AS entry_page_group,
    entries.page.route AS entry_route,
    exits.page.page_group AS exit_page_group,
    exits.page.route AS exit_route,
    entries.page.channel,
    entries.page.source,
    entries.page.utm_medium
FROM visits
JOIN pages AS entries ON entries.page_number = first_page
JOIN pages AS exits ON exits.page_number = end_page
