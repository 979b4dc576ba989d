-- question: On which pages do visits begin?
SELECT route,
    sum(entries) AS entries,
    round(sum(entries) / sum(sum(entries)) OVER (), 3) AS share_of_entries
FROM marts.usage_by_page_daily
GROUP BY route
HAVING sum(entries) > 0
ORDER BY entries DESC
LIMIT 10
