-- question: Are sellers as satisfied as buyers?
-- Intervals that do not overlap differ for sure; those that do may differ all the same.
SELECT week_start, survey_id,
    sellers.csat_rate AS sellers_rate,
    buyers.csat_rate AS buyers_rate,
    CASE
        WHEN sellers.csat_high < buyers.csat_low THEN 'sellers less'
        WHEN sellers.csat_low > buyers.csat_high THEN 'sellers more'
        WHEN sellers.csat_rate IS NULL OR buyers.csat_rate IS NULL THEN 'too few answers'
        ELSE 'not told apart'
    END AS satisfied
FROM (FROM marts.satisfaction_by_segment_weekly WHERE segment = 'seller') AS sellers
FULL JOIN (FROM marts.satisfaction_by_segment_weekly WHERE segment = 'buyer') AS buyers USING (week_start, survey_id)
ORDER BY week_start DESC, survey_id
