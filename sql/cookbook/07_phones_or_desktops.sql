-- question: Do people come with phones or with desktops, and is that changing?
SELECT date_trunc('week', event_date)::DATE AS week_start,
    device_class,
    sum(page_views) AS page_views,
    round(sum(page_views) / sum(sum(page_views)) OVER (PARTITION BY date_trunc('week', event_date)::DATE), 3) AS share
FROM marts.usage_by_environment_daily
GROUP BY week_start, device_class
ORDER BY week_start DESC, share DESC
