-- purpose: Survey answers of people whose answers may be used.
-- grain: one row per answer in lake.survey_responses of who is not restricted for satisfaction
FROM lake.survey_responses
ANTI JOIN control.restrictions
    ON restrictions.purpose = 'satisfaction'
    AND restrictions.pseudonym = user_pseudonym
