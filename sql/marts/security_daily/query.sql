-- purpose: What fraud prevention watches of requests that matter to it, each day.
-- grain: one row per day of $event_dates with any such request
--
-- A client is a device, else a member, else an address: what of these the line told, in this order. A request of none
-- counts among the requests and as no client. Bots are in. Devices per account are counted over members seen with any
-- device, accounts per device over devices seen with any member.
-- Pseudonyms of two keys cannot be compared: on a day that has both, whatever counts distinct ones is null.
-- The 99th percentile is the smallest value that 99 % do not exceed. What lies beyond it is 1 % of them, so it is told
-- from 100 * $minimum_people on; median and mean from $minimum_people on. No maximum is told: it is one client's.
WITH events AS (
    SELECT event_date, key_id, user_pseudonym, device_pseudonym, address_pseudonym, network_pseudonym, is_login_failure,
        is_datacentre, bot_family,
        coalesce(device_pseudonym, user_pseudonym, address_pseudonym) AS client_pseudonym
    FROM people.security_events
    WHERE list_contains($event_dates, event_date)
),
totals AS (
    SELECT event_date,
        count(*) AS event_count,
        count(*) FILTER (bot_family IS NOT NULL) AS bot_event_count,
        count(*) FILTER (is_login_failure) AS login_failure_count,
        count(*) FILTER (is_datacentre) / nullif(count(is_datacentre), 0) AS datacentre_share,
        count(DISTINCT key_id) = 1 AS is_one_key,
        count(DISTINCT user_pseudonym) FILTER (is_login_failure) AS accounts_with_login_failures,
        count(DISTINCT user_pseudonym) AS accounts,
        count(DISTINCT address_pseudonym) AS addresses,
        count(DISTINCT network_pseudonym) AS networks
    FROM events
    GROUP BY event_date
),
clients AS (
    SELECT event_date, count(*) AS clients, median(event_count) AS middle, quantile_disc(event_count, 0.99) AS high
    FROM (
        SELECT event_date, count(*) AS event_count
        FROM events
        WHERE client_pseudonym IS NOT NULL
        GROUP BY event_date, client_pseudonym
    )
    GROUP BY event_date
),
pairs AS (
    SELECT DISTINCT event_date, user_pseudonym, device_pseudonym
    FROM events
    WHERE user_pseudonym IS NOT NULL AND device_pseudonym IS NOT NULL
),
accounts AS (
    SELECT event_date, count(*) AS paired_accounts, avg(device_count) AS mean_devices,
        quantile_disc(device_count, 0.99) AS high_devices
    FROM (SELECT event_date, count(*) AS device_count FROM pairs GROUP BY event_date, user_pseudonym)
    GROUP BY event_date
),
devices AS (
    SELECT event_date, count(*) AS paired_devices, quantile_disc(account_count, 0.99) AS high_accounts
    FROM (SELECT event_date, count(*) AS account_count FROM pairs GROUP BY event_date, device_pseudonym)
    GROUP BY event_date
)
SELECT event_date,
    event_count,
    bot_event_count,
    login_failure_count,
    if(is_one_key, totals.accounts_with_login_failures, NULL) AS accounts_with_login_failures,
    if(is_one_key, totals.accounts, NULL) AS accounts,
    if(is_one_key, coalesce(clients, 0), NULL) AS clients,
    if(is_one_key AND clients >= $minimum_people, middle, NULL) AS median_events_per_client,
    if(is_one_key AND clients >= 100 * $minimum_people, high, NULL) AS p99_events_per_client,
    if(is_one_key AND paired_accounts >= $minimum_people, mean_devices, NULL) AS mean_devices_per_account,
    if(is_one_key AND paired_accounts >= 100 * $minimum_people, high_devices, NULL) AS p99_devices_per_account,
    if(is_one_key AND paired_devices >= 100 * $minimum_people, high_accounts, NULL) AS p99_accounts_per_device,
    datacentre_share,
    if(is_one_key, totals.addresses, NULL) AS addresses,
    if(is_one_key, totals.networks, NULL) AS networks
FROM totals
LEFT JOIN clients USING (event_date)
LEFT JOIN accounts USING (event_date)
LEFT JOIN devices USING (event_date)
