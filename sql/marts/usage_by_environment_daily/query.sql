-- purpose: What people use to visit, each day.
-- grain: one row per day, device class, browser and system with versions, and language, of enough people; else (other)
--
-- A visitor who appears in several merged cells counts once in (other). Page views without a visitor, whose lines came
-- too late to tell, count as page views of their cell.
SELECT event_date, device_class, browser_family, browser_major, os_family, os_major, language,
    sum(page_views) AS page_views,
    count(DISTINCT person) AS visitors
FROM cells.usage_by_environment_daily
GROUP BY ALL
