-- question: How many visits do campaigns bring, by medium?
-- (none) are visits that no campaign's URL began; the media of few visitors are together in (other).
SELECT utm_medium,
    sum(visits) AS visits,
    round(sum(visits) / sum(sum(visits)) OVER (), 3) AS share_of_visits
FROM marts.traffic_sources_daily
GROUP BY utm_medium
ORDER BY visits DESC
