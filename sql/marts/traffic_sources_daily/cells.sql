-- purpose: Visits of people by where they came from.
-- grain: one row per day of $event_dates, channel, source, campaign medium and visitor
SELECT start_date AS event_date,
    coalesce(channel, '(unknown)') AS channel,
    coalesce(source, '(unknown)') AS source,
    coalesce(utm_medium, '(none)') AS utm_medium,
    visitor_pseudonym AS person,
    count(*) AS visits,
    sum(page_views)::BIGINT AS page_views,
    count(*) FILTER (is_bounce) AS bounces
FROM people.visits
WHERE list_contains($event_dates, start_date)
GROUP BY ALL
