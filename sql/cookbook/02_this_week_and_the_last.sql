-- question: How do the last seven days compare with the seven before?
-- Rates are weighted by the visits that they are of: the mean of seven daily rates would be another figure.
SELECT date_diff('day', event_date, (SELECT max(event_date) FROM marts.usage_daily)) // 7 AS weeks_ago,
    min(event_date) AS first_day,
    max(event_date) AS last_day,
    sum(visits) AS visits,
    round(sum(pages_per_visit * visits) / nullif(sum(visits), 0), 2) AS pages_per_visit,
    round(sum(bounce_rate * visits) / nullif(sum(visits), 0), 3) AS bounce_rate,
    round(sum(mean_visit_seconds * visits) / nullif(sum(visits), 0)) AS mean_visit_seconds
FROM marts.usage_daily
GROUP BY weeks_ago
HAVING weeks_ago < 2
ORDER BY weeks_ago
