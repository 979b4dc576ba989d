-- purpose: How people search and what becomes of it, each day.
-- grain: one row per day of $event_dates on which a search is held or a visit starts
--
-- Two sources that nothing joins: the search log, whose rows in lake.searches are results pages of nobody known, and the
-- page views of the group `search` in people's visits. Each has its own day: a results page the day of its line, a page
-- view the day on which its visit starts, as in usage_daily. Rates of nothing are null.
-- A search is a first results page; further pages belong to it, though nobody can tell to which.
-- A search page view is refined when the same visit goes on to another one, so of n in a visit n - 1 are.
WITH searches AS (
    SELECT event_date,
        count(*) AS result_pages,
        count(*) FILTER (page_number = 1) AS searches,
        count(DISTINCT term) AS distinct_terms,
        count(*) FILTER (page_number = 1 AND result_count = 0) AS empty_searches,
        count(*) FILTER (was_clicked) AS clicked_pages,
        count(was_clicked) AS told_pages
    FROM lake.searches
    WHERE list_contains($event_dates, event_date)
    GROUP BY event_date
),
visits AS (
    SELECT visitor_pseudonym, start_date, started_at, ended_at, exit_route
    FROM people.visits
    WHERE list_contains($event_dates, start_date)
),
-- Visits run on into the day after.
pages AS (
    SELECT visitor_pseudonym, event_date, event_at, route
    FROM people.page_views
    WHERE page_group = 'search'
        AND list_contains(list_concat($event_dates, list_transform($event_dates, lambda day: day + 1)), event_date)
),
searching_visits AS (
    SELECT start_date,
        count(*) AS search_page_views,
        bool_or(event_at = ended_at AND route = exit_route) AS ends_searching
    FROM pages
    JOIN (SELECT *, unnest([start_date, start_date + 1]) AS event_date FROM visits) USING (visitor_pseudonym, event_date)
    WHERE event_at BETWEEN started_at AND ended_at
    GROUP BY start_date, visitor_pseudonym, started_at
),
visited AS (
    SELECT start_date AS event_date,
        count(*) AS search_visits,
        sum(search_page_views) AS search_page_views,
        count(*) FILTER (ends_searching) AS search_exits
    FROM searching_visits
    GROUP BY start_date
)
SELECT event_date,
    coalesce(searches, 0) AS searches,
    coalesce(result_pages, 0) AS result_pages,
    coalesce(distinct_terms, 0) AS distinct_terms,
    empty_searches / nullif(searches, 0) AS zero_result_rate,
    clicked_pages / nullif(told_pages, 0) AS click_rate,
    result_pages / nullif(searches, 0) AS pages_per_search,
    coalesce(search_visits, 0) AS search_visits,
    coalesce(search_page_views, 0) AS search_page_views,
    (search_page_views - search_visits) / search_page_views AS refinement_rate,
    search_exits / search_visits AS search_exit_rate
FROM (SELECT event_date FROM searches UNION SELECT start_date FROM visits) AS days
LEFT JOIN searches USING (event_date)
LEFT JOIN visited USING (event_date)
