-- question: On which weekdays are we busiest?
-- Page views and visits may be added up over days, so means of them are sound; visitors must never be.
SELECT dayname(event_date) AS weekday,
    count(*) AS days,
    round(avg(page_views)) AS page_views_a_day,
    round(avg(visits)) AS visits_a_day
FROM marts.usage_daily
GROUP BY weekday
ORDER BY page_views_a_day DESC
