-- Assertions on marts.bots_daily that one column's rules cannot express; each must find no row.
-- Days that had left the lake when this mart was first built are in usage_daily alone, without its two counts of bots.

-- check: families_add_up_to_the_bots_of_the_day
SELECT event_date
FROM marts.usage_daily AS day LEFT JOIN marts.bots_daily AS bots USING (event_date)
GROUP BY event_date, day.declared_bot_request_count, day.rate_bot_request_count
HAVING coalesce(sum(bots.request_count) FILTER (bot_family <> 'rate'), 0) <> day.declared_bot_request_count
    OR coalesce(sum(bots.request_count) FILTER (bot_family = 'rate'), 0) <> day.rate_bot_request_count;

-- check: every_day_of_bots_is_a_day_of_usage
SELECT event_date FROM marts.bots_daily ANTI JOIN marts.usage_daily USING (event_date);
