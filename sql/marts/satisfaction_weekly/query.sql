-- purpose: How satisfied people are, each week, with 95 % confidence intervals.
-- grain: one row per ISO week (Monday to Sunday) that $event_dates covers and survey, answered by enough people
--
-- People are distinct members; an answer without a member counts as a person of its own. Each key makes other pseudonyms
-- of the same members, so of a week with several keys only those of the key that has most are counted: too few, never
-- one person twice. Surveys of fewer than $minimum_people people in a week are left out, and a score is null while it has
-- fewer than 30 answers.
-- CSAT is the share of 4 and 5 out of 5 (top two boxes), and that of 5 alone (top box), with Wilson score intervals.
-- NPS is the share of 9 and 10 (promoters) less that of 0 to 6 (detractors), times 100. Its interval is adjusted Wald:
-- 3 answers are added, 3/4 of one a promoter and 3/4 a detractor (Rocks 2016), and the bounds stay within +-100.
-- CES is the mean ease, 1 to 7, with Student's t interval within those bounds; t by the expansion in 1 / degrees of
-- freedom (Abramowitz and Stegun 26.7.5), which is right to five digits from 29 on.
-- The response rate is the members who answered, under the satisfaction key, per member with a page view in the week,
-- under the usage key: two counts, and nobody is joined. It is null when either was made under several keys, which count
-- members anew, and when fewer than $minimum_people members visited.
WITH answers AS (
    SELECT date_trunc('week', event_date)::DATE AS week_start, survey_id, key_id, user_pseudonym, csat, nps, ces
    FROM people.answers
    WHERE list_contains($event_dates, event_date)
),
keys AS (
    SELECT week_start, survey_id, key_id, count(DISTINCT user_pseudonym) AS members
    FROM answers
    WHERE user_pseudonym IS NOT NULL
    GROUP BY ALL
),
answering AS (
    SELECT week_start, survey_id, max(members) AS members, count(*) AS key_count
    FROM keys
    GROUP BY ALL
),
visiting AS (
    SELECT date_trunc('week', event_date)::DATE AS week_start, count(DISTINCT user_pseudonym) AS visiting_members
    FROM people.page_views
    WHERE user_pseudonym IS NOT NULL AND list_contains($event_dates, event_date)
    GROUP BY week_start
    HAVING count(DISTINCT key_id) <= 1 AND visiting_members >= $minimum_people
),
counts AS (
    SELECT week_start, survey_id,
        count(*) AS response_count,
        count(*) FILTER (user_pseudonym IS NULL) AS answers_without_member,
        count(csat) AS csat_count,
        count(nps) AS nps_count,
        count(ces) AS ces_count,
        count(*) FILTER (csat >= 4) AS satisfied_count,
        count(*) FILTER (csat = 5) AS delighted_count,
        count(*) FILTER (nps >= 9) AS promoter_count,
        count(*) FILTER (nps <= 6) AS detractor_count,
        avg(ces) AS ces_average,
        stddev_samp(ces) AS ces_deviation
    FROM answers
    GROUP BY week_start, survey_id
),
-- n is null under 30 answers, and with it whatever is computed from it.
sizes AS (
    SELECT *,
        1.959963984540054::DOUBLE AS z,
        coalesce(members, 0) + answers_without_member AS respondents,
        if(coalesce(key_count, 0) <= 1, coalesce(members, 0) / visiting_members, NULL) AS response_rate,
        if(csat_count >= 30, csat_count, NULL) AS csat_n,
        if(nps_count >= 30, nps_count, NULL) AS nps_n,
        if(ces_count >= 30, ces_count, NULL) AS ces_n
    FROM counts
    LEFT JOIN answering USING (week_start, survey_id)
    LEFT JOIN visiting USING (week_start)
    WHERE respondents >= $minimum_people
),
intervals AS (
    SELECT *,
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
        z + (2.372271230 + (2.822498616 + 2.555849680 / (ces_n - 1)) / (ces_n - 1)) / (ces_n - 1) AS t,
        t * ces_deviation / sqrt(ces_n) AS ces_margin
    FROM sizes
)
SELECT week_start,
    survey_id,
    response_count,
    respondents,
    response_rate,
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
    if(ces_n IS NULL, NULL, ces_average) AS ces_mean,
    if(ces_n IS NULL, NULL, greatest(ces_average - ces_margin, 1)) AS ces_low,
    if(ces_n IS NULL, NULL, least(ces_average + ces_margin, 7)) AS ces_high
FROM intervals
