-- Assertions on marts.active_users_daily that one column's rules cannot express; each must find no row.

-- check: longer_windows_hold_no_fewer_members
SELECT event_date FROM marts.active_users_daily WHERE dau > wau OR wau > mau OR dau > mau;

-- check: longer_windows_hold_no_fewer_days
SELECT event_date FROM marts.active_users_daily WHERE wau_days > mau_days;

-- check: members_and_active_days_exist_together
SELECT event_date FROM marts.active_users_daily WHERE (wau = 0) <> (wau_days = 0) OR (mau = 0) <> (mau_days = 0);

-- check: windows_under_two_keys_stay_unknown
SELECT event_date FROM marts.active_users_daily
WHERE (dau IS NULL AND wau IS NOT NULL) OR (wau IS NULL AND mau IS NOT NULL);

-- check: stickiness_exists_exactly_with_members
SELECT event_date FROM marts.active_users_daily WHERE coalesce(mau = 0, true) <> (stickiness IS NULL);

-- check: new_and_returning_visitors_are_known_together
SELECT event_date FROM marts.active_users_daily WHERE (new_visitors IS NULL) <> (returning_visitors IS NULL);
