-- purpose: What people use to visit, each day.
-- grain: one row per day, device class, browser, operating system and language with enough people; the rest as (other)
--
-- A cell is one combination of the four dimensions, counted over the page views of people.
-- Cells of fewer than $minimum_people distinct visitors are merged into one (other) cell a day, as few more as needed
-- joining them, smallest first and then by name, until the merged cell has enough people too: otherwise the day's
-- total less the cells shown would tell the hidden one. A day that has too few people altogether is withheld.
-- A visitor who appears in several merged cells counts once in (other). Page views without a visitor, whose lines came
-- too late to tell, count as page views of their cell.
WITH visitor_cells AS (
    SELECT event_date, device_class, browser_family, os_family, coalesce(language, '(unknown)') AS language,
        visitor_pseudonym, count(*) AS page_views
    FROM people.page_views
    WHERE list_contains($event_dates, event_date)
    GROUP BY ALL
),
cells AS (
    SELECT event_date, device_class, browser_family, os_family, language,
        sum(page_views) AS page_views,
        count(visitor_pseudonym) AS visitors,
        row_number() OVER (
            PARTITION BY event_date ORDER BY count(visitor_pseudonym), device_class, browser_family, os_family, language
        ) AS place
    FROM visitor_cells
    GROUP BY event_date, device_class, browser_family, os_family, language
),
-- A visitor is new in the first of their cells, so the sum of the new ones up to a place is the distinct visitors of
-- all cells up to there.
arrivals AS (
    SELECT event_date, place, count(visitor_pseudonym) AS new_visitors
    FROM (
        SELECT event_date, visitor_pseudonym, min(place) AS place
        FROM visitor_cells JOIN cells USING (event_date, device_class, browser_family, os_family, language)
        GROUP BY ALL
    )
    GROUP BY ALL
),
running AS (
    SELECT cells.*,
        count(*) FILTER (visitors < $minimum_people) OVER (PARTITION BY event_date) AS small_cells,
        sum(coalesce(new_visitors, 0)) OVER (PARTITION BY event_date ORDER BY place) AS visitors_up_to_here
    FROM cells LEFT JOIN arrivals USING (event_date, place)
),
-- The cells up to last_merged become (other): none when no cell is small; null when all together are too few.
cuts AS (
    SELECT event_date,
        if(any_value(small_cells) = 0, 0,
            min(place) FILTER (place >= small_cells AND visitors_up_to_here >= $minimum_people)) AS last_merged
    FROM running
    GROUP BY event_date
)
SELECT event_date,
    if(place <= last_merged, '(other)', device_class) AS device_class,
    if(place <= last_merged, '(other)', browser_family) AS browser_family,
    if(place <= last_merged, '(other)', os_family) AS os_family,
    if(place <= last_merged, '(other)', language) AS language,
    sum(page_views) AS page_views,
    max(if(place <= last_merged, visitors_up_to_here, visitors)) AS visitors
FROM running JOIN cuts USING (event_date)
WHERE last_merged IS NOT NULL
GROUP BY ALL
