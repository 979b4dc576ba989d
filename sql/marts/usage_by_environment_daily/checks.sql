-- Assertions on marts.usage_by_environment_daily that one column's rules cannot express; each must find no row.

-- check: no_cell_is_about_few_people
SELECT event_date FROM marts.usage_by_environment_daily WHERE visitors < $minimum_people;

-- check: visitors_are_within_page_views
SELECT event_date FROM marts.usage_by_environment_daily WHERE visitors > page_views;

-- check: cells_add_up_to_the_day
SELECT event_date
FROM marts.usage_by_environment_daily JOIN marts.usage_daily AS day USING (event_date)
GROUP BY event_date, day.page_views
HAVING sum(usage_by_environment_daily.page_views) <> day.page_views;

-- check: only_days_of_few_people_are_withheld
SELECT event_date
FROM marts.usage_daily ANTI JOIN marts.usage_by_environment_daily USING (event_date)
WHERE visitors >= $minimum_people;
