-- Assertions on marts.search_daily that one column's rules cannot express; each must find no row.

-- check: result_pages_cover_searches_and_terms
SELECT event_date FROM marts.search_daily WHERE greatest(searches, distinct_terms) > result_pages;

-- check: search_page_views_cover_search_visits
SELECT event_date FROM marts.search_daily WHERE search_visits > search_page_views;

-- check: rates_exist_exactly_with_what_they_are_of
SELECT event_date FROM marts.search_daily
WHERE (searches = 0) <> (zero_result_rate IS NULL)
    OR (searches = 0) <> (pages_per_search IS NULL)
    OR (search_visits = 0) <> (refinement_rate IS NULL)
    OR (search_visits = 0) <> (search_exit_rate IS NULL);

-- check: search_visits_are_visits_of_their_day
SELECT event_date
FROM marts.search_daily LEFT JOIN marts.usage_daily AS day USING (event_date)
WHERE search_visits > coalesce(day.visits, 0);
