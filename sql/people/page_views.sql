-- purpose: Pages shown to people.
-- grain: one row per page view of a person
FROM people.requests
WHERE is_page_view
