-- Assertions on marts.usage_by_page_daily that one column's rules cannot express; each must find no row.
-- Counts are rounded up or down to 5, so a sum over cells may be off by less than 5 for each. Days that had left the
-- lake when this mart was first built are in usage_daily alone: its counts of bots came with this mart.

-- check: no_page_is_about_few_people
SELECT event_date FROM marts.usage_by_page_daily WHERE visitors < $minimum_people;

-- check: entries_are_page_views
SELECT event_date FROM marts.usage_by_page_daily WHERE entries > page_views;

-- check: exit_rates_exist_with_page_views
SELECT event_date FROM marts.usage_by_page_daily WHERE page_views > 0 AND exit_rate IS NULL;

-- check: pages_add_up_to_the_day
SELECT event_date
FROM marts.usage_by_page_daily AS page JOIN marts.usage_daily AS day USING (event_date)
GROUP BY event_date, day.page_views, day.visits
HAVING abs(sum(page.page_views) - day.page_views) >= 5 * count(*)
    OR abs(sum(page.entries) - day.visits) >= 5 * count(*)
    OR abs(sum(page.exits) - day.visits) >= 5 * count(*);

-- check: only_days_of_few_people_are_withheld
SELECT event_date
FROM marts.usage_daily ANTI JOIN marts.usage_by_page_daily USING (event_date)
WHERE visitors >= $minimum_people AND declared_bot_request_count IS NOT NULL;
