-- purpose: How satisfied people of each segment are, each week, with 95 % confidence intervals.
-- grain: one row per ISO week (Monday to Sunday) that $event_dates covers, survey and segment with enough people
--
-- Scores and intervals are those of satisfaction_weekly. A score is null while it has fewer than 30 answers. Since
-- satisfaction_weekly tells the survey's score of all segments together, a score is also null where the segments that
-- withhold it would otherwise have fewer than 30 answers together: the smallest join them, then the first by name, until
-- they have 30 or none is left.
WITH counts AS (
    SELECT week_start, survey_id, segment,
        sum(response_count) AS response_count,
        count(DISTINCT person) AS respondents,
        sum(csat_count) AS csat_count,
        sum(satisfied_count) AS satisfied_count,
        sum(delighted_count) AS delighted_count,
        sum(nps_count) AS nps_count,
        sum(promoter_count) AS promoter_count,
        sum(detractor_count) AS detractor_count,
        sum(ces_count) AS ces_count,
        sum(ces_sum) AS ces_sum,
        sum(ces_square_sum) AS ces_square_sum
    FROM cells.satisfaction_by_segment_weekly
    GROUP BY week_start, survey_id, segment
),
scores AS (
    SELECT week_start, survey_id, segment, score, n,
        coalesce(sum(n) FILTER (n < 30) OVER of_score, 0) AS too_few,
        sum(n) OVER (of_score ORDER BY n, segment) - n AS before
    FROM counts UNPIVOT (n FOR score IN (csat_count, nps_count, ces_count))
    WINDOW of_score AS (PARTITION BY week_start, survey_id, score)
),
-- n is null where a score is withheld, and with it whatever is computed from it.
shown AS (
    SELECT week_start, survey_id, segment,
        max(n) FILTER (score = 'csat_count') AS csat_n,
        max(n) FILTER (score = 'nps_count') AS nps_n,
        max(n) FILTER (score = 'ces_count') AS ces_n
    FROM scores
    WHERE n >= 30 AND (too_few = 0 OR before >= 30)
    GROUP BY ALL
),
intervals AS (
    SELECT *,
        1.959963984540054::DOUBLE AS z,
        (satisfied_count + z * z / 2) / (csat_n + z * z) AS satisfied_centre,
        z * sqrt(satisfied_count * (csat_n - satisfied_count) / csat_n + z * z / 4) / (csat_n + z * z)
            AS satisfied_margin,
        (delighted_count + z * z / 2) / (csat_n + z * z) AS delighted_centre,
        z * sqrt(delighted_count * (csat_n - delighted_count) / csat_n + z * z / 4) / (csat_n + z * z)
            AS delighted_margin,
        (promoter_count + 0.75) / (nps_n + 3) AS promoters,
        (detractor_count + 0.75) / (nps_n + 3) AS detractors,
        promoters - detractors AS nps_centre,
        z * sqrt((promoters + detractors - nps_centre * nps_centre) / (nps_n + 3)) AS nps_margin,
        ces_sum / ces_n AS ces_average,
        sqrt((ces_n * ces_square_sum - ces_sum * ces_sum) / (ces_n * (ces_n - 1))) AS ces_deviation,
        z + (2.372271230 + (2.822498616 + 2.555849680 / (ces_n - 1)) / (ces_n - 1)) / (ces_n - 1) AS t,
        t * ces_deviation / sqrt(ces_n) AS ces_margin
    FROM counts LEFT JOIN shown USING (week_start, survey_id, segment)
)
SELECT week_start,
    survey_id,
    segment,
    response_count,
    respondents,
    csat_count,
    satisfied_count / csat_n AS csat_rate,
    if(csat_n IS NULL, NULL, greatest(satisfied_centre - satisfied_margin, 0)) AS csat_low,
    if(csat_n IS NULL, NULL, least(satisfied_centre + satisfied_margin, 1)) AS csat_high,
    delighted_count / csat_n AS csat_top_rate,
    if(csat_n IS NULL, NULL, greatest(delighted_centre - delighted_margin, 0)) AS csat_top_low,
    if(csat_n IS NULL, NULL, least(delighted_centre + delighted_margin, 1)) AS csat_top_high,
    nps_count,
    100 * (promoter_count - detractor_count) / nps_n AS nps,
    if(nps_n IS NULL, NULL, greatest(100 * (nps_centre - nps_margin), -100)) AS nps_low,
    if(nps_n IS NULL, NULL, least(100 * (nps_centre + nps_margin), 100)) AS nps_high,
    ces_count,
    ces_average AS ces_mean,
    if(ces_n IS NULL, NULL, greatest(ces_average - ces_margin, 1)) AS ces_low,
    if(ces_n IS NULL, NULL, least(ces_average + ces_margin, 7)) AS ces_high
FROM intervals
