-- Assertions on marts.traffic_sources_daily that one column's rules cannot express; each must find no row.
-- Counts are rounded up or down to 5, so a sum over cells may be off by less than 5 for each.

-- check: no_source_is_about_few_people
SELECT event_date FROM marts.traffic_sources_daily WHERE visitors < $minimum_people;

-- check: visits_lie_between_visitors_and_page_views
SELECT event_date FROM marts.traffic_sources_daily WHERE visits NOT BETWEEN visitors AND page_views;

-- check: sources_add_up_to_the_visits_of_the_day
SELECT event_date
FROM marts.traffic_sources_daily AS source JOIN marts.usage_daily AS day USING (event_date)
GROUP BY event_date, day.visits, day.pages_per_visit
HAVING abs(sum(source.visits) - day.visits) >= 5 * count(*)
    OR abs(sum(source.page_views) - day.visits * day.pages_per_visit) >= 5 * count(*);
