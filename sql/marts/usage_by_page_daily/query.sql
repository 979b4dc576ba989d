-- purpose: Which pages people read, enter by and leave from, each day.
-- grain: one row per day, page group and route with enough people; the rest as (other)
--
-- A visit is one of people.visits: its first page is its entry, its last page its exit, both on the day on which it
-- starts. So the exit of a visit over midnight counts on a day before that of its page view, and a page's exits may
-- exceed its page views of the day. exit_rate is exits by page views, null without page views.
-- Visitors are those with a page view, an entry or an exit in the cell; one in several merged cells counts once.
-- Page views without a visitor, whose lines came too late to tell, count as page views and are in no visit.
SELECT event_date, page_group, route,
    sum(page_views) AS page_views,
    count(DISTINCT person) AS visitors,
    sum(entries) AS entries,
    sum(exits) AS exits,
    sum(exits) / nullif(sum(page_views), 0) AS exit_rate
FROM cells.usage_by_page_daily
GROUP BY event_date, page_group, route
