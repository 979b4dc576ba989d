-- purpose: What people use to visit, each day.
-- grain: one row per day, device class, browser, operating system and language with enough people; the rest as (other)
--
-- A visitor who appears in several merged cells counts once in (other). Page views without a visitor, whose lines came
-- too late to tell, count as page views of their cell.
SELECT event_date, device_class, browser_family, os_family, language,
    sum(page_views) AS page_views,
    count(DISTINCT person) AS visitors
FROM cells.usage_by_environment_daily
GROUP BY event_date, device_class, browser_family, os_family, language
