-- Assertions on marts.security_daily that one column's rules cannot express; each must find no row.

-- check: parts_are_within_the_whole
SELECT event_date FROM marts.security_daily
WHERE greatest(bot_event_count, login_failure_count, clients, addresses) > event_count
    OR accounts_with_login_failures > least(accounts, login_failure_count)
    OR networks > addresses;

-- check: nothing_is_told_of_few_clients
SELECT event_date FROM marts.security_daily
WHERE (median_events_per_client IS NOT NULL AND clients < $minimum_people)
    OR (mean_devices_per_account IS NOT NULL AND accounts < $minimum_people)
    OR (p99_events_per_client IS NOT NULL AND clients < 100 * $minimum_people)
    OR (p99_devices_per_account IS NOT NULL AND accounts < 100 * $minimum_people);

-- check: distinct_counts_are_known_together
SELECT event_date FROM marts.security_daily
WHERE (accounts IS NULL) <> (clients IS NULL) OR (clients IS NULL) <> (addresses IS NULL)
    OR (addresses IS NULL) <> (networks IS NULL) OR (accounts IS NULL) <> (accounts_with_login_failures IS NULL);
