-- purpose: Openings of the application by people.
-- grain: one row per app_open in people.device_events
FROM people.device_events
WHERE event_name = 'app_open'
