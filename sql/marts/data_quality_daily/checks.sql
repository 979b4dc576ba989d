-- Assertions on marts.data_quality_daily that one column's rules cannot express; each must find no row.

-- check: every_line_is_accounted_for
SELECT received_date FROM marts.data_quality_daily
WHERE read_count <> accepted_count + rejected_count + duplicate_count + suppressed_count;

-- check: reject_rate_exists_exactly_with_lines
SELECT received_date FROM marts.data_quality_daily WHERE (read_count = 0) <> (reject_rate IS NULL);

-- check: duplicate_files_are_files
SELECT received_date FROM marts.data_quality_daily WHERE duplicate_file_count > file_count;

-- check: late_lines_are_accepted_lines
SELECT received_date FROM marts.data_quality_daily WHERE late_count > accepted_count;
