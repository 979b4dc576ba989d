-- Assertions on marts.satisfaction_by_segment_weekly that one column's rules cannot express; each must find no row.

-- check: no_segment_is_about_few_people
SELECT week_start FROM marts.satisfaction_by_segment_weekly WHERE respondents < $minimum_people;

-- check: weeks_start_on_monday
SELECT week_start FROM marts.satisfaction_by_segment_weekly WHERE isodow(week_start) <> 1;

-- check: people_and_scores_are_among_the_answers
SELECT week_start FROM marts.satisfaction_by_segment_weekly
WHERE greatest(respondents, csat_count, nps_count, ces_count) > response_count;

-- check: scores_exist_only_from_thirty_answers
SELECT week_start FROM marts.satisfaction_by_segment_weekly
WHERE (csat_count < 30 AND csat_rate IS NOT NULL)
    OR (nps_count < 30 AND nps IS NOT NULL)
    OR (ces_count < 30 AND ces_mean IS NOT NULL);

-- check: every_score_has_its_interval
SELECT week_start FROM marts.satisfaction_by_segment_weekly
WHERE (csat_rate IS NULL) <> (csat_low IS NULL) OR (csat_rate IS NULL) <> (csat_high IS NULL)
    OR (csat_rate IS NULL) <> (csat_top_rate IS NULL)
    OR (csat_rate IS NULL) <> (csat_top_low IS NULL) OR (csat_rate IS NULL) <> (csat_top_high IS NULL)
    OR (nps IS NULL) <> (nps_low IS NULL) OR (nps IS NULL) <> (nps_high IS NULL)
    OR (ces_mean IS NULL) <> (ces_low IS NULL) OR (ces_mean IS NULL) <> (ces_high IS NULL);

-- check: scores_lie_within_their_intervals
SELECT week_start FROM marts.satisfaction_by_segment_weekly
WHERE csat_rate NOT BETWEEN csat_low - 1e-9 AND csat_high + 1e-9
    OR csat_top_rate NOT BETWEEN csat_top_low - 1e-9 AND csat_top_high + 1e-9
    OR nps NOT BETWEEN nps_low - 1e-9 AND nps_high + 1e-9
    OR ces_mean NOT BETWEEN ces_low - 1e-9 AND ces_high + 1e-9;

-- check: the_top_box_is_one_of_the_top_two
SELECT week_start FROM marts.satisfaction_by_segment_weekly WHERE csat_top_rate > csat_rate;

-- check: segments_are_parts_of_their_survey
-- Every rounded count is off by less than 5.
SELECT week_start, survey_id
FROM marts.satisfaction_by_segment_weekly AS part
LEFT JOIN marts.satisfaction_weekly AS whole USING (week_start, survey_id)
GROUP BY week_start, survey_id, whole.response_count
HAVING whole.response_count IS NULL OR abs(sum(part.response_count) - whole.response_count) >= 5 * (count(*) + 1);

-- check: withheld_scores_are_about_thirty_answers_or_none
-- As far as rounded counts tell, each of which is off by less than 5; of a score that nobody gave all are 0.
SELECT week_start, survey_id
FROM marts.satisfaction_by_segment_weekly
GROUP BY week_start, survey_id
HAVING (count(csat_rate) > 0 AND sum(csat_count) FILTER (csat_rate IS NULL) BETWEEN 1 AND 30 - 5 * count(*))
    OR (count(nps) > 0 AND sum(nps_count) FILTER (nps IS NULL) BETWEEN 1 AND 30 - 5 * count(*))
    OR (count(ces_mean) > 0 AND sum(ces_count) FILTER (ces_mean IS NULL) BETWEEN 1 AND 30 - 5 * count(*));
