-- purpose: Page views, entries and exits of people by page.
-- grain: one row per day of $event_dates, page group, route and visitor with any of them there
SELECT event_date,
    coalesce(page_group, '(unknown)') AS page_group,
    coalesce(route, '(unknown)') AS route,
    visitor_pseudonym AS person,
    sum(page_views)::BIGINT AS page_views,
    sum(entries)::BIGINT AS entries,
    sum(exits)::BIGINT AS exits
FROM (
    SELECT event_date, page_group, route, visitor_pseudonym, 1 AS page_views, 0 AS entries, 0 AS exits
    FROM people.page_views
    UNION ALL
    SELECT start_date, entry_page_group, entry_route, visitor_pseudonym, 0, 1, 0
    FROM people.visits
    UNION ALL
    SELECT start_date, exit_page_group, exit_route, visitor_pseudonym, 0, 0, 1
    FROM people.visits
)
WHERE list_contains($event_dates, event_date)
GROUP BY ALL
