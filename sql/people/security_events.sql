-- purpose: Security events of everybody whose record may be used.
-- grain: one row per event in lake.security_events of who is not restricted for security
--
-- Who is left out is decided as for people.traffic, under the security key. Bots are in: they are what is looked for.
-- Addresses are nobody's alone and restrict nothing.
FROM lake.security_events
ANTI JOIN control.restrictions
    ON restrictions.purpose = 'security'
    AND restrictions.pseudonym = coalesce(user_pseudonym, device_pseudonym)
