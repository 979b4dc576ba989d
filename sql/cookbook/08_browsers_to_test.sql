-- question: With which browsers must a new page be tested to serve nine page views in ten?
-- The list ends with the browser that fills the nine tenths; (other) stands for many of few visitors each.
WITH browsers AS (
    SELECT browser_family, sum(page_views) AS page_views
    FROM marts.usage_by_environment_daily
    GROUP BY browser_family
),
running AS (
    SELECT *,
        page_views / sum(page_views) OVER () AS share,
        sum(page_views) OVER (ORDER BY page_views DESC, browser_family) / sum(page_views) OVER () AS share_so_far
    FROM browsers
)
SELECT browser_family, page_views, round(share, 3) AS share, round(share_so_far, 3) AS share_so_far
FROM running
WHERE share_so_far - share < 0.9
ORDER BY page_views DESC, browser_family
