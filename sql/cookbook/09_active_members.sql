-- question: How many members are active, and how often do they come?
-- Only days whose windows are full are comparable: mau_days tells how many of the 28 days have any activity.
SELECT event_date, dau, wau, mau, mau_days, round(stickiness, 3) AS stickiness
FROM marts.active_users_daily
ORDER BY event_date DESC
LIMIT 28
