-- question: How many visits search, and how many of them end on the results?
SELECT event_date,
    search_visits,
    round(search_visits / nullif(visits, 0), 3) AS share_of_visits,
    round(refinement_rate, 3) AS refinement_rate,
    round(search_exit_rate, 3) AS search_exit_rate,
    round(zero_result_rate, 3) AS zero_result_rate
FROM marts.search_daily JOIN marts.usage_daily USING (event_date)
ORDER BY event_date DESC
LIMIT 28
