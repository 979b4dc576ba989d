-- question: Where do visits come from, and which sources send people who look around?
SELECT channel,
    source,
    sum(visits) AS visits,
    round(sum(page_views) / nullif(sum(visits), 0), 1) AS pages_per_visit,
    round(sum(bounce_rate * visits) / nullif(sum(visits) FILTER (bounce_rate IS NOT NULL), 0), 2) AS bounce_rate
FROM marts.traffic_sources_daily
GROUP BY channel, source
ORDER BY visits DESC
