-- question: Is somebody trying passwords?
-- Many failures in few accounts are people who forgot; many in many accounts, with datacentres, are somebody else.
SELECT event_date,
    login_failure_count,
    accounts_with_login_failures,
    round(login_failure_count / nullif(accounts_with_login_failures, 0), 1) AS failures_per_account,
    datacentre_share
FROM marts.security_daily
ORDER BY event_date DESC
LIMIT 28
