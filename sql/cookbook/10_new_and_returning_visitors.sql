-- question: Do we live on new visitors or on those who return?
SELECT event_date,
    new_visitors,
    returning_visitors,
    round(new_visitors / nullif(new_visitors + returning_visitors, 0), 3) AS share_of_new
FROM marts.active_users_daily
ORDER BY event_date DESC
LIMIT 28
