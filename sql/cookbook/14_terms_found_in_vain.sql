-- question: Which terms that many people search for find nothing most often?
-- Sellers of these would be welcome. The counts are rounded, so small shares are rough.
SELECT term,
    sum(search_count) AS searches,
    sum(zero_result_count) AS searches_in_vain,
    round(sum(zero_result_count) / nullif(sum(search_count), 0), 2) AS share_in_vain
FROM marts.search_terms_daily
GROUP BY term
ORDER BY share_in_vain DESC NULLS LAST, searches DESC, term
LIMIT 20
