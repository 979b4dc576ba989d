-- question: What do many people search for?
-- people_at_least of several days must not be added up: they may be the same people.
SELECT term,
    sum(search_count) AS searches,
    count(*) AS days,
    max(people_at_least) AS people_on_one_day_at_least
FROM marts.search_terms_daily
GROUP BY term
ORDER BY searches DESC, term
LIMIT 20
