-- Assertions on marts.usage_by_environment_daily that one column's rules cannot express; each must find no row.

-- check: no_cell_is_about_few_people
SELECT event_date FROM marts.usage_by_environment_daily WHERE visitors < $minimum_people;

-- check: visitors_are_within_page_views
SELECT event_date FROM marts.usage_by_environment_daily WHERE visitors > page_views;

-- check: cells_add_up_to_the_day_but_for_rounding
SELECT event_date
FROM marts.usage_by_environment_daily JOIN marts.usage_daily AS day USING (event_date)
GROUP BY event_date, day.page_views
HAVING abs(sum(usage_by_environment_daily.page_views) - day.page_views) >= 5 * count(*);

-- check: what_is_merged_is_merged_in_every_column
SELECT event_date FROM marts.usage_by_environment_daily
WHERE len(list_distinct([(each = '(other)') FOR each IN
    [device_class, browser_family, browser_major, os_family, os_major, language]])) <> 1;

-- check: only_days_of_few_people_are_withheld
SELECT event_date
FROM marts.usage_daily ANTI JOIN marts.usage_by_environment_daily USING (event_date)
WHERE visitors >= $minimum_people;
