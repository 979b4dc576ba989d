-- purpose: How satisfied people are, each week, with 95 % confidence intervals.
-- grain: one row per ISO week (Monday to Sunday) that $event_dates covers and survey, answered by enough people
--
-- People are distinct members; an answer without a member counts as a person of its own. Surveys of fewer than
-- $minimum_people people in a week are left out, and a score is null while it has fewer than 30 answers.
-- CSAT is the share of 4 and 5 out of 5 (top two boxes), with the Wilson score interval.
-- NPS is the share of 9 and 10 (promoters) less that of 0 to 6 (detractors), times 100. Its interval is adjusted Wald:
-- 3 answers are added, 3/4 of one a promoter and 3/4 a detractor (Rocks 2016), and the bounds stay within +-100.
-- CES is the mean ease, 1 to 7.
WITH answers AS (
    SELECT date_trunc('week', event_date)::DATE AS week_start, survey_id, user_pseudonym, csat, nps, ces
    FROM people.answers
    WHERE list_contains($event_dates, event_date)
),
counts AS (
    SELECT week_start, survey_id,
        count(*) AS response_count,
        count(csat) AS csat_count,
        count(nps) AS nps_count,
        count(ces) AS ces_count,
        count(*) FILTER (csat >= 4) AS satisfied_count,
        count(*) FILTER (nps >= 9) AS promoter_count,
        count(*) FILTER (nps <= 6) AS detractor_count,
        avg(ces) AS ces_mean
    FROM answers
    GROUP BY week_start, survey_id
    HAVING count(DISTINCT user_pseudonym) + count(*) FILTER (user_pseudonym IS NULL) >= $minimum_people
),
-- n is null under 30 answers, and with it whatever is computed from it.
shares AS (
    SELECT *,
        1.959963984540054::DOUBLE AS z,
        if(csat_count >= 30, csat_count, NULL) AS csat_n,
        satisfied_count / csat_n AS satisfied,
        if(nps_count >= 30, nps_count, NULL) AS nps_n,
        (promoter_count + 0.75) / (nps_n + 3) AS promoters,
        (detractor_count + 0.75) / (nps_n + 3) AS detractors
    FROM counts
),
intervals AS (
    SELECT *,
        (satisfied + z * z / (2 * csat_n)) / (1 + z * z / csat_n) AS csat_centre,
        z * sqrt(satisfied * (1 - satisfied) / csat_n + z * z / (4 * csat_n * csat_n)) / (1 + z * z / csat_n)
            AS csat_margin,
        promoters - detractors AS nps_centre,
        z * sqrt((promoters + detractors - nps_centre * nps_centre) / (nps_n + 3)) AS nps_margin
    FROM shares
)
SELECT week_start,
    survey_id,
    response_count,
    csat_count,
    satisfied AS csat_rate,
    if(csat_n IS NULL, NULL, greatest(csat_centre - csat_margin, 0)) AS csat_low,
    if(csat_n IS NULL, NULL, least(csat_centre + csat_margin, 1)) AS csat_high,
    nps_count,
    100 * (promoter_count - detractor_count) / nps_n AS nps,
    if(nps_n IS NULL, NULL, greatest(100 * (nps_centre - nps_margin), -100)) AS nps_low,
    if(nps_n IS NULL, NULL, least(100 * (nps_centre + nps_margin), 100)) AS nps_high,
    ces_count,
    if(ces_count >= 30, ces_mean, NULL) AS ces_mean
FROM intervals
