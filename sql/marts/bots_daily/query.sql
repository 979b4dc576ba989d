-- purpose: What bots asked for, each day.
-- grain: one row per day of $event_dates and bot family that asked for anything
--
-- A declared bot's family is what the access contract calls its agent. Family rate are visitors without a login who
-- asked for more in a minute or an hour than the contract of page_views allows; all their requests of the day count.
SELECT event_date, bot_family,
    count(*) AS request_count
FROM people.bot_requests
WHERE list_contains($event_dates, event_date)
GROUP BY event_date, bot_family
