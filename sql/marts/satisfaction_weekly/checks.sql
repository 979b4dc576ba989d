-- Assertions on marts.satisfaction_weekly that one column's rules cannot express; each must find no row.

-- check: no_row_is_about_few_people
SELECT week_start FROM marts.satisfaction_weekly WHERE response_count < $minimum_people;

-- check: weeks_start_on_monday
SELECT week_start FROM marts.satisfaction_weekly WHERE isodow(week_start) <> 1;

-- check: scores_are_among_the_answers
SELECT week_start FROM marts.satisfaction_weekly WHERE greatest(csat_count, nps_count, ces_count) > response_count;

-- check: scores_exist_exactly_from_thirty_answers
SELECT week_start FROM marts.satisfaction_weekly
WHERE (csat_count < 30) <> (csat_rate IS NULL)
    OR (nps_count < 30) <> (nps IS NULL)
    OR (ces_count < 30) <> (ces_mean IS NULL);

-- check: scores_lie_within_their_intervals
SELECT week_start FROM marts.satisfaction_weekly
WHERE csat_rate NOT BETWEEN csat_low - 1e-9 AND csat_high + 1e-9
    OR nps NOT BETWEEN nps_low - 1e-9 AND nps_high + 1e-9;
