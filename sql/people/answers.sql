-- purpose: Answers of people to surveys.
-- grain: one row per answer in lake.survey_responses that may be counted
FROM lake.survey_responses
