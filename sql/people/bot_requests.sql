-- purpose: Requests of bots, declared by their agents or told by their rate: all that are not in people.requests.
-- grain: one row per request in lake.page_views that a bot made
FROM people.traffic
WHERE bot_family IS NOT NULL
