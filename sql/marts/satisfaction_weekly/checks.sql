-- Assertions on marts.satisfaction_weekly that one column's rules cannot express; each must find no row.

-- check: no_row_is_about_few_people
SELECT week_start FROM marts.satisfaction_weekly WHERE respondents < $minimum_people;

-- check: weeks_start_on_monday
SELECT week_start FROM marts.satisfaction_weekly WHERE isodow(week_start) <> 1;

-- check: people_and_scores_are_among_the_answers
SELECT week_start FROM marts.satisfaction_weekly
WHERE greatest(respondents, csat_count, nps_count, ces_count) > response_count;

-- check: scores_exist_exactly_from_thirty_answers
-- Counts are rounded to 5, so that 30 may stand for 28 to 32.
SELECT week_start FROM marts.satisfaction_weekly
WHERE (csat_count < 30 AND csat_rate IS NOT NULL) OR (csat_count > 30 AND csat_rate IS NULL)
    OR (nps_count < 30 AND nps IS NOT NULL) OR (nps_count > 30 AND nps IS NULL)
    OR (ces_count < 30 AND ces_mean IS NOT NULL) OR (ces_count > 30 AND ces_mean IS NULL);

-- check: every_score_has_its_interval
SELECT week_start FROM marts.satisfaction_weekly
WHERE (csat_rate IS NULL) <> (csat_low IS NULL) OR (csat_rate IS NULL) <> (csat_high IS NULL)
    OR (csat_rate IS NULL) <> (csat_top_rate IS NULL)
    OR (csat_rate IS NULL) <> (csat_top_low IS NULL) OR (csat_rate IS NULL) <> (csat_top_high IS NULL)
    OR (nps IS NULL) <> (nps_low IS NULL) OR (nps IS NULL) <> (nps_high IS NULL)
    OR (ces_mean IS NULL) <> (ces_low IS NULL) OR (ces_mean IS NULL) <> (ces_high IS NULL);

-- check: scores_lie_within_their_intervals
SELECT week_start FROM marts.satisfaction_weekly
WHERE csat_rate NOT BETWEEN csat_low - 1e-9 AND csat_high + 1e-9
    OR csat_top_rate NOT BETWEEN csat_top_low - 1e-9 AND csat_top_high + 1e-9
    OR nps NOT BETWEEN nps_low - 1e-9 AND nps_high + 1e-9
    OR ces_mean NOT BETWEEN ces_low - 1e-9 AND ces_high + 1e-9;

-- check: the_top_box_is_one_of_the_top_two
SELECT week_start FROM marts.satisfaction_weekly WHERE csat_top_rate > csat_rate;
