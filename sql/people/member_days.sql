-- purpose: Days on which members were active.
-- grain: one row per day of $event_dates, member and key of the pseudonym
--
-- Active is who saw a page or opened the application. A member has another pseudonym under every key, so whoever counts
-- members of several days must look at key_id: two of them make two of everybody who was there under both.
SELECT event_date, user_pseudonym, key_id
FROM people.page_views
WHERE list_contains($event_dates::DATE[], event_date) AND user_pseudonym IS NOT NULL
UNION
SELECT event_date, user_pseudonym, key_id
FROM people.app_opens
WHERE list_contains($event_dates::DATE[], event_date) AND user_pseudonym IS NOT NULL
