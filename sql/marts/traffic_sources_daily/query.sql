-- purpose: Where visits come from, each day.
-- grain: one row per day, channel, source and campaign medium with enough people; the rest as (other)
--
-- A visit is one of people.visits. It comes from where its first page was reached from, and counts with all its page
-- views on the day on which it starts. Channel internal is a visit that goes on from our own pages after a pause of more
-- than 30 minutes. A campaign medium is what the first page's URL says, (none) when it says none.
-- A visitor of several visits counts once in each cell. bounce_rate is the share of visits with a single page view.
SELECT event_date, channel, source, utm_medium,
    sum(visits) AS visits,
    count(DISTINCT person) AS visitors,
    sum(page_views) AS page_views,
    sum(bounces) / sum(visits) AS bounce_rate
FROM cells.traffic_sources_daily
GROUP BY event_date, channel, source, utm_medium
