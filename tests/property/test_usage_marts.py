"""Every mart of usage against figures counted one by one from the raw rows, in plain Python."""

import statistics
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from random import Random
from zoneinfo import ZoneInfo

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.contracts.derive import polars_schema
from pipelines.contracts.model import load_catalogue
from pipelines.settings import load_settings
from pipelines.warehouse.cells import gather_cells
from pipelines.warehouse.engine import open_engine
from pipelines.warehouse.marts import Mart, select_mart
from pipelines.warehouse.people import create_people, gather_visits
from pipelines.warehouse.rates import mark_bots_by_rate
from pipelines.warehouse.relations import create_relations
from pipelines.warehouse.statements import read_query

SETTINGS = load_settings()
CATALOGUE = load_catalogue(SETTINGS.contracts)
PAGE_VIEWS = CATALOGUE.get("lake", "page_views")
RATES = PAGE_VIEWS.properties["botRates"]
MARTS = ("usage_daily", "usage_by_page_daily", "traffic_sources_daily", "bots_daily")
# All around a day of 25 hours in Berlin.
DAYS = [date(2026, 10, 24), date(2026, 10, 25), date(2026, 10, 26)]
ROUTES = {"/": "home", "/item/{id}": "item", "/search": "search", "/api/{path}": "api", "/static/{path}": "static"}
REFERRERS = {"google": "search_engine", "line": "social", "internal": "internal", "direct": "direct"}
VISITORS = [None, *(bytes([number]) for number in range(6))]

Row = dict[str, object]
Cell = tuple[str, ...]
Rows = dict[str, list[Row]]


@dataclass(frozen=True)
class Request:
    """One row of the lake, with its day in the service's zone; bot is the family that its agent declares."""

    at: datetime
    day: date
    visitor: bytes | None
    member: bytes | None
    route: str
    source: str
    medium: str | None
    bot: str | None
    status: int
    size: int | None

    @property
    def group(self) -> str:
        return ROUTES[self.route]

    @property
    def channel(self) -> str:
        return REFERRERS[self.source]

    @property
    def is_page(self) -> bool:
        return self.group not in ("api", "static") and self.status < 400 and self.bot is None

    @property
    def place(self) -> tuple[object, ...]:
        """Where it stands among the page views of its visitor."""
        return (self.at, self.source == "internal", self.route, self.group, self.channel, self.source, self.medium)


@st.composite
def walks(draw: st.DrawFn, zone: str) -> list[Request]:
    """Requests of one visitor: a few with pauses, many at once, on and on for a day, or too many in a minute."""
    midnight = datetime(2026, 10, 25, tzinfo=ZoneInfo(zone)).astimezone(UTC)
    start = midnight + timedelta(minutes=draw(st.sampled_from([-31, -1, 0, 45]) | st.integers(-1400, 2800)))
    kind = draw(st.sampled_from(["short", "short", "moment", "long", "burst"]))
    if kind == "burst":
        steps = [0.25] * draw(st.sampled_from([RATES["perMinute"] - 1, 150, 200]))
    elif kind == "moment":
        steps = [0.0] * draw(st.integers(1, 8))
    else:
        steps = [60.0 * minutes for minutes in draw(st.lists(st.sampled_from([0, 0, 1, 12, 30, 31, 200]), max_size=6))]
        steps += [1799.0] * (draw(st.sampled_from([38, 42, 60])) if kind == "long" else 0)
    visitor, has_login = draw(st.sampled_from(VISITORS)), draw(st.booleans())
    bot = draw(st.sampled_from([None, None, None, None, "search_engine", "ai"]))
    random = Random(draw(st.integers(0, 999)))
    found, at = [], start
    for step in [0.0, *steps]:
        at += timedelta(seconds=step)
        request = Request(
            at=at,
            day=at.astimezone(ZoneInfo(zone)).date(),
            visitor=visitor,
            member=visitor and b"member " + visitor if has_login else None,
            route=random.choice(["/", "/search", *ROUTES]),
            source=random.choice(list(REFERRERS)),
            medium=random.choice([None, None, "email", "banner"]),
            bot=bot,
            status=random.choice([200, 200, 200, 302, 404, 500]),
            size=random.choice([None, 0, 1000]),
        )
        found.append(request)
    return found


@st.composite
def towns(draw: st.DrawFn) -> tuple[str, list[Request]]:
    """A time zone, and requests there in any order, as far as they lie on the days that are looked at."""
    zone = draw(st.sampled_from(["Asia/Tokyo", "Europe/Berlin", "UTC"]))
    requests = [each for walk in draw(st.lists(walks(zone), min_size=2, max_size=12)) for each in walk]
    Random(draw(st.integers(0, 999))).shuffle(requests)
    return zone, [request for request in requests if request.day in DAYS]


def make_marts(requests: Sequence[Request], zone: str, minimum: int) -> Rows:
    """The rows of each mart, unrounded."""
    frame = pl.DataFrame([write_row(request) for request in requests], schema=polars_schema(PAGE_VIEWS))
    marts = [Mart(CATALOGUE.get("marts", name), frozenset(DAYS), frozenset(DAYS), has_history=False) for name in MARTS]
    found = {}
    with open_engine(timezone=zone, options={}) as engine:
        create_relations(engine, CATALOGUE, {"lake.page_views": frame})
        mark_bots_by_rate(engine, CATALOGUE, SETTINGS.sql, marts)
        create_people(engine, SETTINGS.sql)
        gather_visits(engine, SETTINGS.sql, DAYS)
        for mart in marts:
            gather_cells(engine, mart.contract, SETTINGS.sql, DAYS, minimum)
            query = read_query(SETTINGS.sql, mart.name)
            found[mart.name] = select_mart(engine, mart.contract, query, DAYS, minimum).pl().to_dicts()
    return found


def write_row(request: Request) -> Row:
    return {
        "event_at": request.at,
        "event_date": request.day,
        "subject_bucket": 0,
        "visitor_pseudonym": request.visitor,
        "user_pseudonym": request.member,
        "route": request.route,
        "page_group": request.group,
        "is_page_view": request.is_page,
        "referrer_channel": request.channel,
        "referrer_source": request.source,
        "utm_medium": request.medium,
        "bot_family": request.bot,
        "status_code": request.status,
        "response_bytes": request.size,
    }


def name_bots(requests: Iterable[Request]) -> Iterator[Request]:
    """The requests, where those of a visitor beyond the rates declare it too."""
    held = list(requests)
    counted, members = Counter[tuple[object, ...]](), set()
    for request in held:
        if request.visitor and not request.bot and request.group not in RATES["uncountedGroups"]:
            hour = request.at.replace(minute=0, second=0, microsecond=0)
            counted[request.day, request.visitor, "perHour", hour] += 1
            counted[request.day, request.visitor, "perMinute", hour, request.at.minute] += 1
            members |= {(request.day, request.visitor)} if request.member else set()
    beyond = {(day, visitor) for (day, visitor, rate, *_), count in counted.items() if count > RATES[rate]} - members
    for request in held:
        is_beyond = request.bot is None and (request.day, request.visitor) in beyond
        yield replace(request, bot="rate") if is_beyond else request


def split_visits(views: Iterable[Request]) -> list[list[Request]]:
    """The page views of each visit, in order."""
    of_visitor = defaultdict(list)
    for view in views:
        if view.visitor is not None:
            of_visitor[view.visitor].append(view)
    visits = []
    for mine in of_visitor.values():
        # Nothing comes before text where a medium is missing, so that None is never compared with it.
        mine.sort(key=lambda view: (*view.place[:-1], view.medium is None, view.medium or ""))
        visit: list[Request] = []
        for view in mine:
            if visit and is_over(visit, view):
                visits.append(visit)
                visit = []
            visit.append(view)
        visits.append(visit)
    return visits


def is_over(visit: Sequence[Request], view: Request) -> bool:
    """Whether a page view comes too late for a visit, or after a midnight before which it had run for 20 hours."""
    last = visit[-1]
    if view.at - last.at > timedelta(minutes=30):
        return True
    first_of_day = min(each.at for each in visit if each.day == last.day)
    return view.day != last.day and last.at - first_of_day >= timedelta(hours=20)


def interpolate(values: Sequence[float], share: float) -> float:
    ordered = sorted(values)
    low, part = divmod(share * (len(ordered) - 1), 1)
    return ordered[int(low)] + part * (ordered[min(int(low) + 1, len(ordered) - 1)] - ordered[int(low)])


def tell_usage(day: date, requests: Sequence[Request], visits: Sequence[Sequence[Request]]) -> Row:
    bots = [request for request in requests if request.bot]
    people = [request for request in requests if not request.bot]
    views = [request for request in people if request.is_page]
    seconds = [(visit[-1].at - visit[0].at).total_seconds() for visit in visits]
    by_rate = sum(request.bot == "rate" for request in bots)
    return {
        "event_date": day,
        "page_views": len(views),
        "visits": len(visits),
        "visitors": len({view.visitor for view in views} - {None}),
        "members": len({view.member for view in views} - {None}),
        "pages_per_visit": statistics.fmean(map(len, visits)) if visits else None,
        "bounce_rate": statistics.fmean(len(visit) == 1 for visit in visits) if visits else None,
        "mean_visit_seconds": statistics.fmean(seconds) if visits else None,
        "median_visit_seconds": statistics.median(seconds) if visits else None,
        "p95_visit_seconds": interpolate(seconds, 0.95) if visits else None,
        "request_count": len(requests),
        "bot_request_count": len(bots),
        "declared_bot_request_count": len(bots) - by_rate,
        "rate_bot_request_count": by_rate,
        "error_rate": statistics.fmean(request.status >= 400 for request in people) if people else None,
        "response_bytes": sum(request.size or 0 for request in people),
    }


def merge_cells(cells: Mapping[Cell, set[bytes]], minimum: int) -> Callable[[Cell], Cell | None]:
    """What each cell is shown as: the smallest, while there are small ones or too few people in them, as one."""
    waiting = sorted(cells, key=lambda cell: (len(cells[cell]), cell))
    merged: list[Cell] = []
    people: set[bytes] = set()
    while waiting and (len(cells[waiting[0]]) < minimum or (merged and len(people) < minimum)):
        people |= cells[waiting[0]]
        merged.append(waiting.pop(0))
    if merged and len(people) < minimum:
        return dict.fromkeys(cells).get
    return lambda cell: ("(other)",) * len(cell) if cell in merged else cell


def count_cells(facts: Iterable[tuple[Cell, bytes | None, Counter[str]]], minimum: int) -> Iterator[tuple[Cell, Row]]:
    """Cells in order, each with its figures added up and its distinct visitors; facts: cell, visitor and figures."""
    held = list(facts)
    people = defaultdict(set)
    for cell, visitor, _ in held:
        people[cell] |= {visitor} - {None}
    label = merge_cells(people, minimum)
    figures, visitors = defaultdict(Counter), defaultdict(set)
    for cell, visitor, counted in held:
        if (shown := label(cell)) is not None:
            figures[shown].update(counted)
            visitors[shown] |= {visitor} - {None}
    for cell in sorted(figures):
        yield cell, {**figures[cell], "visitors": len(visitors[cell])}


def tell_pages(day: date, views: Sequence[Request], visits: Sequence[Sequence[Request]], minimum: int) -> list[Row]:
    facts = [((view.group, view.route), view.visitor, Counter(page_views=1)) for view in views]
    for name, place in (("entries", 0), ("exits", -1)):
        pages = [visit[place] for visit in visits]
        facts += [((page.group, page.route), page.visitor, Counter({name: 1})) for page in pages]
    rows = []
    for (group, route), found in count_cells(facts, minimum):
        views_here, exits = found.get("page_views", 0), found.get("exits", 0)
        row = {"event_date": day, "page_group": group, "route": route, "page_views": views_here}
        row |= {"visitors": found["visitors"], "entries": found.get("entries", 0), "exits": exits}
        rows.append(row | {"exit_rate": exits / views_here if views_here else None})
    return rows


def tell_sources(day: date, visits: Sequence[Sequence[Request]], minimum: int) -> list[Row]:
    facts = []
    for visit in visits:
        first = visit[0]
        figures = Counter(visits=1, page_views=len(visit), bounces=int(len(visit) == 1))
        facts.append(((first.channel, first.source, first.medium or "(none)"), first.visitor, figures))
    return [
        {
            "event_date": day,
            "channel": channel,
            "source": source,
            "utm_medium": medium,
            "visits": found["visits"],
            "visitors": found["visitors"],
            "page_views": found["page_views"],
            "bounce_rate": found["bounces"] / found["visits"],
        }
        for (channel, source, medium), found in count_cells(facts, minimum)
    ]


def count_one_by_one(requests: Iterable[Request], minimum: int) -> Rows:
    """What the marts should hold."""
    told = list(name_bots(requests))
    views = [request for request in told if request.is_page]
    visits = split_visits(views)
    rows: Rows = {name: [] for name in MARTS}
    for day in DAYS:
        of_day = [request for request in told if request.day == day]
        begun = [visit for visit in visits if visit[0].day == day]
        bots = Counter(request.bot for request in of_day if request.bot)
        rows["usage_daily"].append(tell_usage(day, of_day, begun))
        rows["usage_by_page_daily"] += tell_pages(day, [view for view in views if view.day == day], begun, minimum)
        rows["traffic_sources_daily"] += tell_sources(day, begun, minimum)
        families = sorted(bots.items())
        rows["bots_daily"] += [{"event_date": day, "bot_family": name, "request_count": n} for name, n in families]
    return rows


@pytest.mark.slow
@given(towns(), st.sampled_from([0, 0, 1, 2, 3]))
@settings(max_examples=40, deadline=None)
def test_marts_of_usage_are_what_counting_one_by_one_finds(town: tuple[str, list[Request]], minimum: int):
    zone, requests = town
    found, expected = make_marts(requests, zone, minimum), count_one_by_one(requests, minimum)
    for name in MARTS:
        assert found[name] == [pytest.approx(row) for row in expected[name]], name


@pytest.mark.slow
@given(towns(), st.integers(0, 3))
@settings(max_examples=12, deadline=None)
def test_requests_of_bots_change_no_figure_about_people(town: tuple[str, list[Request]], minimum: int):
    zone, requests = town
    people = [request for request in name_bots(requests) if request.bot is None]
    found, without = make_marts(requests, zone, minimum), make_marts(people, zone, minimum)
    bots = Counter(dict.fromkeys(DAYS, 0))
    for row in found["bots_daily"]:
        bots[row["event_date"]] += row["request_count"]
    assert without["bots_daily"] == []
    for name in ("usage_by_page_daily", "traffic_sources_daily"):
        assert found[name] == without[name], name
    for row, bare in zip(found["usage_daily"], without["usage_daily"], strict=True):
        counts = {name: row[name] - bare[name] for name in row if name.endswith("request_count")}
        assert counts["bot_request_count"] == counts["request_count"] == bots[row["event_date"]]
        assert {name: row[name] for name in row.keys() - counts} == {name: bare[name] for name in bare.keys() - counts}


@pytest.mark.slow
@given(towns(), st.randoms(use_true_random=False))
@settings(max_examples=10, deadline=None)
def test_figures_do_not_depend_on_the_order_of_rows(town: tuple[str, list[Request]], random: Random):
    zone, requests = town
    shuffled = random.sample(requests, len(requests))
    assert make_marts(shuffled, zone, 2) == make_marts(requests, zone, 2)
