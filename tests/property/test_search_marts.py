"""What marts say of searches, in SQL, against the same told step by step in plain Python."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.property.selected_marts import K, Row, select

SUNDAY = date(2026, 10, 25)  # when clocks are put back in Berlin


def share(part: float, whole: float) -> float | None:
    return part / whole if whole else None


def view(minute: int, zone: str, visitor: str | None, route: str) -> Row:
    at = datetime(2026, 10, 25, tzinfo=ZoneInfo(zone)).astimezone(UTC) + timedelta(minutes=minute)
    day = at.astimezone(ZoneInfo(zone)).date()
    who = visitor and visitor.encode()
    group = {"/search": "search", "/item": "item"}.get(route, "home")
    row = {"event_at": at, "event_date": day, "visitor_pseudonym": who, "route": route, "page_group": group}
    return row | {"is_page_view": True, "referrer_channel": "internal"}


results_pages = st.builds(
    lambda offset, term, bucket, page, found, clicked: {
        "event_date": SUNDAY + timedelta(days=offset),
        "term": term,
        "people_sketch": bucket,
        "page_number": page,
        "result_count": found,
        "was_clicked": clicked,
    },
    st.integers(0, 1),
    st.sampled_from(["camera", "lens", None]),
    st.integers(0, 20),
    st.sampled_from([1, 1, 2, 3]),
    st.sampled_from([0, 7]),
    st.sampled_from([True, False, None]),
)
# Within six hours of either midnight of the Sunday, so that no visit runs on for twenty hours.
walks = st.lists(
    st.tuples(
        st.integers(-70, 300) | st.integers(1200, 1560),
        st.sampled_from(["a", "b", None]),
        st.sampled_from(["/search", "/item", "/"]),
    ),
    max_size=40,
)


def split_visits(views: Iterable[Row]) -> list[list[Row]]:
    """Each visitor's page views in order, cut where more than half an hour passed."""
    by_visitor = defaultdict(list)
    for each in views:
        by_visitor[each["visitor_pseudonym"]].append(each)
    visits = []
    for visitor in by_visitor.keys() - {None}:
        mine = sorted(by_visitor[visitor], key=lambda each: (each["event_at"], each["route"]))
        visits.append(mine[:1])
        for before, after in pairwise(mine):
            if after["event_at"] - before["event_at"] > timedelta(minutes=30):
                visits.append([])
            visits[-1].append(after)
    return visits


def tell_searches(day: date, pages: Sequence[Row], visits: Sequence[Sequence[Row]]) -> Row:
    firsts = [page for page in pages if page["page_number"] == 1]
    told = [page["was_clicked"] for page in pages if page["was_clicked"] is not None]
    searching = [[each["route"] for each in visit] for visit in visits]
    searching = [routes for routes in searching if "/search" in routes]
    views = sum(routes.count("/search") for routes in searching)
    # A search page view is refined when a later page of the visit is a search page, too.
    refined = sum(
        "/search" in routes[place + 1 :]
        for routes in searching
        for place, route in enumerate(routes)
        if route == "/search"
    )
    return {
        "event_date": day,
        "searches": len(firsts),
        "result_pages": len(pages),
        "distinct_terms": len({page["term"] for page in pages} - {None}),
        "zero_result_rate": share(sum(page["result_count"] == 0 for page in firsts), len(firsts)),
        "click_rate": share(sum(told), len(told)),
        "pages_per_search": share(len(pages), len(firsts)),
        "search_visits": len(searching),
        "search_page_views": views,
        "refinement_rate": share(refined, views),
        "search_exit_rate": share(sum(routes[-1] == "/search" for routes in searching), len(searching)),
    }


@given(st.sampled_from(["Asia/Tokyo", "Europe/Berlin"]), st.lists(results_pages, max_size=40), walks)
@settings(max_examples=30)
def test_search_daily_is_what_counting_by_hand_gives(zone: str, pages: list[Row], walked: list[tuple]):
    views = [view(minute, zone, visitor, route) for minute, visitor, route in walked]
    visits = split_visits(views)
    days = [SUNDAY + timedelta(days=offset) for offset in (-1, 0, 1, 2)]
    expected = []
    for day in days:
        found = [page for page in pages if page["event_date"] == day]
        began = [visit for visit in visits if visit[0]["event_date"] == day]
        if found or began:
            expected.append(tell_searches(day, found, began))
    assert select("search_daily", days, zone, searches=pages, page_views=views) == expected


@given(st.lists(results_pages, max_size=120))
@settings(max_examples=30)
def test_search_terms_are_those_of_enough_people(pages: list[Row]):
    by_term = defaultdict(list)
    for page in pages:
        if page["term"] is not None:
            by_term[page["event_date"], page["term"]].append(page)
    expected = [
        {
            "event_date": day,
            "term": term,
            "search_count": sum(page["page_number"] == 1 for page in found),
            "zero_result_count": sum(page["page_number"] == 1 and page["result_count"] == 0 for page in found),
            "click_count": sum(page["was_clicked"] is True for page in found),
            "people_at_least": max(people - people % 5, K),
        }
        for (day, term), found in sorted(by_term.items())
        if (people := len({page["people_sketch"] for page in found})) >= K
    ]
    assert select("search_terms_daily", [SUNDAY, SUNDAY + timedelta(days=1)], searches=pages) == expected
