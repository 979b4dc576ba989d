-- purpose: Page views of people by what they use.
-- grain: one row per day of $event_dates, device class, browser, operating system, language and visitor
SELECT event_date, device_class, browser_family,
    coalesce(browser_major::VARCHAR, 'unknown') AS browser_major,
    os_family,
    coalesce(os_major::VARCHAR, 'unknown') AS os_major,
    coalesce(language, '(unknown)') AS language,
    visitor_pseudonym AS person,
    count(*) AS page_views
FROM people.page_views
WHERE list_contains($event_dates, event_date)
GROUP BY ALL
