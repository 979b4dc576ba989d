-- Assertions on marts.deletions_monthly that one column's rules cannot express; each must find no row.

-- check: months_start_on_their_first_day
SELECT month FROM marts.deletions_monthly WHERE month <> date_trunc('month', month);

-- check: days_exist_exactly_with_completed_requests
SELECT month FROM marts.deletions_monthly
WHERE (completed_count = 0) <> (median_days IS NULL) OR (completed_count = 0) <> (maximum_days IS NULL);

-- check: median_is_within_maximum
SELECT month FROM marts.deletions_monthly WHERE median_days > maximum_days;

-- check: no_row_count_is_about_few_people
SELECT month FROM marts.deletions_monthly WHERE erased_row_count IS NOT NULL AND completed_count < 10;

-- check: absent_canaries_were_expected
SELECT month FROM marts.deletions_monthly WHERE canary_absent_count > canary_expected_count;

-- check: recall_exists_exactly_with_canaries
SELECT month FROM marts.deletions_monthly WHERE (canary_expected_count = 0) <> (canary_recall IS NULL);
