-- purpose: What many people searched for, each day.
-- grain: one row per day of $event_dates and term typed by at least $minimum_people people
--
-- A row of lake.searches is one results page. A search is a first page; further pages belong to it.
-- people_at_least counts the distinct people_sketch buckets of the term on any page. Each person falls into one bucket
-- per term, so this never exceeds the people who searched it, and the 64 buckets bound it. It is rounded down to a
-- multiple of 5 or to $minimum_people, so that it stays a lower bound.
-- zero_result_count counts searches that found nothing, click_count results pages of any number with a click.
SELECT event_date,
    term,
    count(*) FILTER (page_number = 1) AS search_count,
    count(*) FILTER (page_number = 1 AND result_count = 0) AS zero_result_count,
    count(*) FILTER (was_clicked) AS click_count,
    greatest(count(DISTINCT people_sketch) // 5 * 5, $minimum_people) AS people_at_least
FROM lake.searches
WHERE term IS NOT NULL AND list_contains($event_dates, event_date)
GROUP BY event_date, term
HAVING count(DISTINCT people_sketch) >= $minimum_people
