"""Frames of every mart that the report reads, by hand: two weeks with all that makes a page hard to draw."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta

import polars as pl

from pipelines.report.weeks import Week

WEEK = Week(date(2026, 11, 16))
DAYS = (*WEEK.before.days, *WEEK.days)
BUILT_AT = datetime(2026, 11, 23, 5, 45, tzinfo=UTC)
HOSTILE = "<script>document.title='gone'</script>"
LONG = "ルイヴィトン 長財布 モノグラム ヴィンテージ 正規品 未使用 箱付き 送料無料"
QUOTED = "\"'><img src=x onerror=alert(1)>&amp;"


def by_day(**columns: object) -> pl.DataFrame:
    """Fourteen days; a column is a function of the number of the day, or one value for all."""
    return pl.DataFrame(
        {"event_date": DAYS}
        | {name: [make(n) if callable(make) else make for n in range(14)] for name, make in columns.items()}
    )


def by_day_and(dimensions: list[dict[str, str]], **columns: Callable[[int], float]) -> pl.DataFrame:
    """Fourteen days of each cell, a little more each day; a column is a function of the number of the cell."""
    return pl.DataFrame(
        [
            {"event_date": day, **cell} | {name: make(place) + n for name, make in columns.items()}
            for n, day in enumerate(DAYS)
            for place, cell in enumerate(dimensions)
        ]
    )


def usage() -> pl.DataFrame:
    return by_day(
        page_views=lambda n: 20_560 + 977 * n - 2100 * (n % 3),
        visits=lambda n: 1416 + 37 * n + 220 * (n % 7 > 4),
        visitors=lambda n: 1170 + 25 * n,
        members=lambda n: 622 - 9 * n,
        bounce_rate=lambda n: 0.31 - 0.01 * (n % 4),
        mean_visit_seconds=lambda n: 260.0 + 3 * n,
        request_count=61_000,
        bot_request_count=9_700,
    )


def environment() -> pl.DataFrame:
    names = ("device_class", "browser_family", "os_family", "language")
    cells = [
        ("mobile", "Mobile Safari", "iOS", "ja"),
        ("mobile", "Chrome Mobile", "Android", "ja"),
        ("desktop", "Chrome", "Windows", "en"),
        ("desktop", "Edge", "Windows", "(unknown)"),
        ("desktop", "Safari", "Mac OS X", "zh"),
        ("tablet", "Mobile Safari UI/WKWebView", "iOS", "ko"),
        ("desktop", "Firefox", "Linux", "de"),
        ("mobile", "Samsung Internet", "Android", "fr"),
        ("mobile", "LINE", "Android", "vi"),
        ("(other)",) * 4,
    ]
    rows = [dict(zip(names, cell, strict=True)) for cell in cells]
    return by_day_and(rows, page_views=lambda place: 9000 // (place + 1))


def sources() -> pl.DataFrame:
    cells = [("direct", "(none)"), ("search_engine", "Google"), ("portal", "Yahoo! JAPAN"), ("social", "X")]
    cells += [("mail", "newsletter"), ("(other)", "(other)")]
    rows = [{"channel": channel, "source": source} for channel, source in cells]
    return by_day_and(rows, visits=lambda place: 600 // (place + 1))


def pages() -> pl.DataFrame:
    routes = ["/", "/search", "/items/{item_id}", "/sellers/{seller_id}/ratings/{rating_id}/comments", "(other)"]
    return by_day_and(
        [{"page_group": "any", "route": route} for route in routes],
        page_views=lambda place: 9000 - 1700 * place,
        entries=lambda place: 700 - 90 * place,
        exits=lambda place: 300 + 90 * place,
    )


def members() -> pl.DataFrame:
    return by_day(
        dau=lambda n: 622 - 9 * n,
        wau=lambda n: 1840 + n,
        mau=lambda n: None if n > 9 else 3900,
        stickiness=lambda n: None if n > 9 else 0.16,
        new_visitors=lambda n: None if n > 9 else 310,
        returning_visitors=lambda n: 700 + 11 * n,
    )


def searches() -> pl.DataFrame:
    return by_day(searches=lambda n: 2100 + 45 * n, zero_result_rate=lambda n: 0.06 + 0.002 * n, click_rate=0.44)


def terms() -> pl.DataFrame:
    named = [
        "一眼レフ",
        "ポケモンカード",
        HOSTILE,
        LONG,
        "iPhone 15",
        QUOTED,
        "vintage watch",
        "掛軸",
        "バイク",
        "SK-II",
        "本",
    ]
    return by_day_and(
        [{"term": term} for term in named],
        search_count=lambda place: 90 - 7 * place,
        zero_result_count=lambda place: place,
        click_count=lambda place: 40 - place,
    )


def scores(week: date, survey: str, csat: float | None, nps: float | None, count: int) -> dict[str, object]:
    ends = {"csat_low": csat and csat - 0.06, "csat_high": csat and csat + 0.05}
    ends |= {"nps_low": nps and nps - 11, "nps_high": nps and nps + 11, "ces_low": 4.8, "ces_high": 5.3}
    asked = {"response_count": count, "csat_count": count, "nps_count": count, "ces_count": count}
    return {
        "week_start": week,
        "survey_id": survey,
        "response_rate": 0.12,
        "csat_rate": csat,
        "nps": nps,
        "ces_mean": 5.04,
        **asked,
        **ends,
    }


def satisfaction() -> pl.DataFrame:
    return pl.DataFrame(
        [
            scores(WEEK.before.monday, "purchase-2026", 0.68, -14.3, 210),
            scores(WEEK.monday, "purchase-2026", 0.72, -5.6, 207),
            scores(WEEK.before.monday, "support-2026", 0.80, 12.0, 84),
            scores(WEEK.monday, "support-2026", None, None, 21),
            scores(WEEK.before.monday, "relationship-2026", 0.61, 3.0, 94),
        ],
        infer_schema_length=None,
    )


def segments() -> pl.DataFrame:
    return pl.DataFrame(
        [
            scores(WEEK.monday, "purchase-2026", 0.75, 2.0, 120) | {"segment": "buyer"},
            scores(WEEK.monday, "purchase-2026", None, None, 20) | {"segment": "seller"},
            scores(WEEK.monday, "purchase-2026", None, None, 67) | {"segment": "both"},
        ],
        infer_schema_length=None,
    )


def security() -> pl.DataFrame:
    return by_day(
        event_count=9000,
        login_failure_count=lambda n: 120 + 9 * n,
        accounts_with_login_failures=lambda n: None if n == 10 else 40 + n,
        accounts=lambda n: 600 + n,
        mean_devices_per_account=1.4,
        median_events_per_client=3.0,
        datacentre_share=None,
    )


def quality() -> pl.DataFrame:
    rows = [
        {"received_date": day, "source": source, "read_count": 1000 + 10 * place, "accepted_count": 960 + 10 * place}
        | {"rejected_count": 4, "duplicate_count": 30, "suppressed_count": 6}
        for day in WEEK.days
        for place, source in enumerate(("access", "devices", "searches"))
    ]
    return pl.DataFrame([{**row, "received_date": row["received_date"] + timedelta(days=1)} for row in rows])


def deletions() -> pl.DataFrame:
    months = [date(2026, month, 1) for month in range(6, 12)]
    return pl.DataFrame(
        [
            {"month": month, "received_count": 9 + place, "completed_count": 7 + place, "refused_count": 1}
            | {"held_count": 0, "overdue_count": int(place == 5), "median_days": 2.5, "canary_recall": 1.0}
            | {"erased_row_count": 1490 if place > 2 else None}
            for place, month in enumerate(months)
        ]
    )


def every_mart() -> dict[str, pl.DataFrame]:
    return {
        "usage_daily": usage(),
        "usage_by_environment_daily": environment(),
        "traffic_sources_daily": sources(),
        "usage_by_page_daily": pages(),
        "active_users_daily": members(),
        "search_daily": searches(),
        "search_terms_daily": terms(),
        "satisfaction_weekly": satisfaction(),
        "satisfaction_by_segment_weekly": segments(),
        "security_daily": security(),
        "data_quality_daily": quality(),
        "deletions_monthly": deletions(),
    }
