-- question: Which pages do people read most, and who leaves from there?
-- exits / page_views is the exit rate over all days; exit_rate is that of one day.
SELECT page_group,
    route,
    sum(page_views) AS page_views,
    round(sum(exits) / nullif(sum(page_views), 0), 2) AS exit_rate
FROM marts.usage_by_page_daily
GROUP BY page_group, route
ORDER BY page_views DESC
LIMIT 20
