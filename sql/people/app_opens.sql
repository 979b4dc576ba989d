-- purpose: Openings of the application by people.
-- grain: one row per app_open in people.device_events
--
-- Whatever tells bots from people, or leaves people out, belongs here: marts of activity read this, not the lake.
FROM people.device_events
WHERE event_name = 'app_open'
