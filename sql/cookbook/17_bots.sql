-- question: How much of what we serve goes to bots, and to which?
SELECT bot_family,
    sum(bots_daily.request_count) AS requests,
    round(sum(bots_daily.request_count) / (SELECT sum(request_count) FROM marts.usage_daily), 4) AS share_of_all_requests
FROM marts.bots_daily
GROUP BY bot_family
ORDER BY requests DESC
