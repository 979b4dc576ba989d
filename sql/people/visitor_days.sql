-- purpose: Days on which visitors who can be known again saw a page.
-- grain: one row per day of $event_dates, visitor and key of the pseudonym
--
-- Known again are devices, and members without one: a passing visitor is somebody else every day. As with members, two
-- values of key_id make two of everybody who was there under both.
SELECT DISTINCT event_date, visitor_pseudonym, key_id
FROM people.page_views
WHERE list_contains($event_dates::DATE[], event_date)
    AND visitor_pseudonym IS NOT NULL
    AND (device_pseudonym IS NOT NULL OR user_pseudonym IS NOT NULL)
