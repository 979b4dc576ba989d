-- Assertions on marts.search_terms_daily that one column's rules cannot express; each must find no row.

-- check: no_term_is_about_few_people
SELECT event_date FROM marts.search_terms_daily WHERE people_at_least < $minimum_people;

-- check: searches_cover_those_without_results
SELECT event_date FROM marts.search_terms_daily WHERE zero_result_count > search_count;
