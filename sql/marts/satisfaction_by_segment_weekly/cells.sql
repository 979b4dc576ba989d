-- purpose: Answers by segment, before segments of few people are merged.
-- grain: one row per ISO week that $event_dates covers, survey, segment and person
--
-- A person is a member; an answer without a member is a person of its own. Each key makes other pseudonyms of the same
-- members, so only those of the key that has most members of the survey and week are persons: the answers of the others
-- count, and nobody counts as two.
WITH answers AS (
    SELECT date_trunc('week', event_date)::DATE AS week_start,
        survey_id, coalesce(segment, 'unknown') AS segment, key_id, user_pseudonym, csat, nps, ces, file_id, line_number
    FROM people.answers
    WHERE list_contains($event_dates, event_date)
),
keys AS (
    SELECT week_start, survey_id, key_id, count(DISTINCT user_pseudonym) AS members
    FROM answers
    WHERE user_pseudonym IS NOT NULL
    GROUP BY ALL
),
main_keys AS (
    SELECT week_start, survey_id, max({'members': members, 'key_id': key_id}).key_id AS main_key
    FROM keys
    GROUP BY ALL
),
known AS (
    SELECT *,
        CASE
            WHEN user_pseudonym IS NULL THEN encode('answer ' || row_number() OVER (ORDER BY file_id, line_number))
            WHEN key_id IS NOT DISTINCT FROM main_key THEN user_pseudonym
        END AS person
    FROM answers LEFT JOIN main_keys USING (week_start, survey_id)
)
SELECT week_start,
    survey_id,
    segment,
    person,
    count(*) AS response_count,
    count(csat) AS csat_count,
    count(*) FILTER (csat >= 4) AS satisfied_count,
    count(*) FILTER (csat = 5) AS delighted_count,
    count(nps) AS nps_count,
    count(*) FILTER (nps >= 9) AS promoter_count,
    count(*) FILTER (nps <= 6) AS detractor_count,
    count(ces) AS ces_count,
    coalesce(sum(ces), 0) AS ces_sum,
    coalesce(sum(ces * ces), 0) AS ces_square_sum
FROM known
GROUP BY week_start, survey_id, segment, person
