-- question: How satisfied are the people who answer, and how sure is that?
SELECT week_start, survey_id, response_count, response_rate, csat_rate, csat_low, csat_high, nps, nps_low, nps_high,
    ces_mean, ces_low, ces_high
FROM marts.satisfaction_weekly
ORDER BY week_start DESC, survey_id
LIMIT 12
