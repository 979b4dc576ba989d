-- purpose: How much the service was used each day, by people.
-- grain: one row per day of $event_dates; a day without requests is a row of zeros
--
-- People are those of people.requests. A page view is a request that the lake marks is_page_view.
-- A visit is one of people.visits and counts with all its page views on the day on which it starts, also when it ends
-- on the next: visits, and whatever is said of them, belong to that day, page views and visitors each to their own.
-- A visit's time is what passed from its first page view to its last: 0 for a single page.
-- Visitors and members are those who saw a page. Rates of nothing are null.
-- A page view without a visitor, whose line came too late to tell, counts as a page view and in nothing about visits.
WITH all_requests AS (
    SELECT event_date, count(*) AS request_count
    FROM people.traffic
    WHERE list_contains($event_dates, event_date)
    GROUP BY event_date
),
totals AS (
    SELECT event_date,
        count(*) AS person_request_count,
        count(*) FILTER (status_code >= 400) AS error_count,
        sum(response_bytes) AS response_bytes
    FROM people.requests
    WHERE list_contains($event_dates, event_date)
    GROUP BY event_date
),
pages AS (
    SELECT event_date,
        count(*) AS page_views,
        count(DISTINCT visitor_pseudonym) AS visitors,
        count(DISTINCT user_pseudonym) AS members
    FROM people.page_views
    WHERE list_contains($event_dates, event_date)
    GROUP BY event_date
),
visits AS (
    SELECT start_date AS event_date,
        count(*) AS visits,
        count(*) FILTER (is_bounce) AS bounces,
        sum(page_views) AS visit_page_views,
        sum(visit_microseconds) AS visit_microseconds
    FROM people.visits
    WHERE list_contains($event_dates, start_date)
    GROUP BY start_date
)
SELECT event_date,
    coalesce(page_views, 0) AS page_views,
    coalesce(visits, 0) AS visits,
    coalesce(visitors, 0) AS visitors,
    coalesce(members, 0) AS members,
    visit_page_views / visits AS pages_per_visit,
    bounces / visits AS bounce_rate,
    visit_microseconds / 1e6 / visits AS mean_visit_seconds,
    coalesce(request_count, 0) AS request_count,
    coalesce(request_count, 0) - coalesce(person_request_count, 0) AS bot_request_count,
    error_count / person_request_count AS error_rate,
    coalesce(response_bytes, 0) AS response_bytes
FROM (SELECT DISTINCT unnest($event_dates::DATE[]) AS event_date) AS days
LEFT JOIN all_requests USING (event_date)
LEFT JOIN totals USING (event_date)
LEFT JOIN pages USING (event_date)
LEFT JOIN visits USING (event_date)
