-- Assertions on marts.usage_daily that one column's rules cannot express; each must find no row.

-- check: page_views_cover_visits_visitors_and_members
SELECT event_date FROM marts.usage_daily WHERE greatest(visits, visitors, members) > page_views;

-- check: page_views_are_requests_of_people
SELECT event_date FROM marts.usage_daily WHERE page_views > request_count - bot_request_count;

-- check: bots_are_declared_or_told_by_rate
SELECT event_date FROM marts.usage_daily
WHERE declared_bot_request_count + rate_bot_request_count <> bot_request_count;

-- check: rates_exist_exactly_with_visits
SELECT event_date FROM marts.usage_daily
WHERE (visits = 0) <> (pages_per_visit IS NULL)
    OR (visits = 0) <> (bounce_rate IS NULL)
    OR (visits = 0) <> (mean_visit_seconds IS NULL);

-- check: median_visit_is_within_the_long_ones
SELECT event_date FROM marts.usage_daily WHERE median_visit_seconds > p95_visit_seconds;
