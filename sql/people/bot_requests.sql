-- purpose: Requests of bots, declared by their agents or told by their rate: all that are not in people.requests.
-- grain: one row per request that a bot made, of who is not restricted
FROM people.traffic
WHERE bot_family IS NOT NULL
