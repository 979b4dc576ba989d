-- purpose: Requests of everybody whose usage may be analysed, and of bots.
-- grain: one row per request in lake.page_views of who is not restricted for usage
--
-- control.restrictions holds the pseudonyms of members whose data may not be used, and of devices that only such members
-- have used, as identity_links tell. A member's own requests are always left out, on whatever device. A request without
-- a member is left out with its device, never because of who else used the device: another member's requests on it stay.
-- A device that somebody else uses too keeps its anonymous requests, since nobody can tell whose they are.
FROM lake.page_views
ANTI JOIN control.restrictions
    ON restrictions.purpose = 'usage'
    AND restrictions.pseudonym = coalesce(user_pseudonym, visitor_pseudonym)
