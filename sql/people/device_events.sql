-- purpose: Events on devices of everybody whose usage may be analysed.
-- grain: one row per event in lake.device_events of who is not restricted for usage
--
-- Who is left out is decided as for people.traffic.
FROM lake.device_events
ANTI JOIN control.restrictions
    ON restrictions.purpose = 'usage'
    AND restrictions.pseudonym = coalesce(user_pseudonym, visitor_pseudonym)
