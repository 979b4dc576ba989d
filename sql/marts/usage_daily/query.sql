-- purpose: How much the service was used each day, by people.
-- grain: one row per day of $event_dates; a day without requests is a row of zeros
--
-- People are the requests of no declared bot. A page view is a request that the lake marks is_page_view.
-- A visit is a run of one visitor's page views of one day with no gap over 30 minutes, so midnight ends it.
-- A visit's time is what passed from its first page view to its last: the sum of its gaps, 0 for a single page.
-- Visitors and members are those who saw a page. Rates of nothing are null.
-- A page view without a visitor, whose line came too late to tell, counts as a page view and in nothing about visits.
WITH requests AS (
    SELECT event_date, event_at, visitor_pseudonym, user_pseudonym, status_code, response_bytes,
        bot_family IS NULL AS is_person,
        bot_family IS NULL AND is_page_view AS is_page_view
    FROM lake.page_views
    WHERE list_contains($event_dates, event_date)
),
totals AS (
    SELECT event_date,
        count(*) AS request_count,
        count(*) FILTER (is_person) AS person_request_count,
        count(*) FILTER (is_person AND status_code >= 400) AS error_count,
        sum(response_bytes) FILTER (is_person) AS response_bytes,
        count(*) FILTER (is_page_view) AS page_views,
        count(*) FILTER (is_page_view AND visitor_pseudonym IS NOT NULL) AS visitor_page_views,
        count(DISTINCT visitor_pseudonym) FILTER (is_page_view) AS visitors,
        count(DISTINCT user_pseudonym) FILTER (is_page_view) AS members
    FROM requests
    GROUP BY event_date
),
gaps AS (
    SELECT event_date,
        epoch(event_at - lag(event_at) OVER visitor_day) AS seconds_before,
        epoch(lead(event_at) OVER visitor_day - event_at) AS seconds_after
    FROM requests
    WHERE is_page_view AND visitor_pseudonym IS NOT NULL
    WINDOW visitor_day AS (PARTITION BY event_date, visitor_pseudonym ORDER BY event_at)
),
edges AS (
    SELECT event_date, seconds_before,
        coalesce(seconds_before > 30 * 60, true) AS starts_visit,
        coalesce(seconds_after > 30 * 60, true) AS ends_visit
    FROM gaps
),
visits AS (
    SELECT event_date,
        count(*) FILTER (starts_visit) AS visits,
        count(*) FILTER (starts_visit AND ends_visit) AS bounces,
        coalesce(sum(seconds_before) FILTER (NOT starts_visit), 0) AS visit_seconds
    FROM edges
    GROUP BY event_date
)
SELECT event_date,
    coalesce(page_views, 0) AS page_views,
    coalesce(visits, 0) AS visits,
    coalesce(visitors, 0) AS visitors,
    coalesce(members, 0) AS members,
    visitor_page_views / visits AS pages_per_visit,
    bounces / visits AS bounce_rate,
    visit_seconds / visits AS mean_visit_seconds,
    coalesce(request_count, 0) AS request_count,
    coalesce(request_count - person_request_count, 0) AS bot_request_count,
    error_count / nullif(person_request_count, 0) AS error_rate,
    coalesce(response_bytes, 0) AS response_bytes
FROM (SELECT DISTINCT unnest($event_dates::DATE[]) AS event_date) AS days
LEFT JOIN totals USING (event_date)
LEFT JOIN visits USING (event_date)
