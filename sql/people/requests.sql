-- purpose: Requests of people, the one place that says who is none.
-- grain: one row per request that no bot made, of who is not restricted
--
-- Whatever tells bots from people belongs here: every usage mart reads this, itself or through page_views and visits.
-- A rule that needs more than the row, say a rate, must look at one day of one visitor at most, and name event_date in
-- its PARTITION BY, so that only the days at hand are read and a late event changes no other day than its own.
FROM people.traffic
WHERE bot_family IS NULL
