"""What people do: each session walks from page to page, and each page view becomes requests to the servers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from pipelines.synthetic.chance import Flags, Indices, Stream, choose, zipf_weights
from pipelines.synthetic.clock import MILLISECONDS_PER_DAY
from pipelines.synthetic.responses import HIT_COLUMNS, answer_pages, request_assets
from pipelines.synthetic.sessions import begin_sessions
from pipelines.synthetic.site import SEARCH_FORMS, Page, Site, read_sources
from pipelines.synthetic.slips import Addressed, add_campaigns, add_parameters, add_recipients, type_identifiers
from pipelines.synthetic.terms import choose_terms
from pipelines.synthetic.walks import Walks, walk_pages
from pipelines.synthetic.world import Day, World

_LEAFS_ON = 0.4
_WITHIN_CATEGORY = 0.2
_TYPES_IDENTIFIER = 0.008
_CARRIES_PARAMETER = 0.006
_NAMES_RECIPIENT = 0.4
_HIDES_REFERRER = 0.06


@dataclass(frozen=True, slots=True)
class Browsing:
    """A day's `sessions`, the `targets` that they saw, their page `views`, and all their `hits`.

    Views have the columns of hits (`HIT_COLUMNS`), `page` and `followed_by_item`. Times are milliseconds since
    midnight; `target` and `referer` are rows of `targets`.
    """

    sessions: pl.DataFrame
    targets: pl.DataFrame
    views: pl.DataFrame
    hits: pl.DataFrame


def browse(world: World, day: Day) -> Browsing:
    """All that members and visitors do on a day. Sessions end at midnight, when the servers restart."""
    stream = day.open_stream("browsing")
    sessions = begin_sessions(world.population, day)
    walks = walk_pages(stream, sessions["start"].to_numpy(), sessions["step_count"].to_numpy())
    walks = walks.select(walks.time < MILLISECONDS_PER_DAY)
    pages = _address_pages(stream, world, sessions, walks)
    sources = _address_sources(stream, world.site, sessions, pages.targets)
    views = answer_pages(stream, walks, sessions).with_columns(
        pl.Series("target", pages.rows),
        pl.Series("referer", _choose_referers(stream, world.site, walks, pages.rows, sources.rows)),
        pl.Series("followed_by_item", _precedes(walks, walks.page == Page.ITEM)),
    )
    hits = pl.concat([views.select(HIT_COLUMNS), request_assets(stream, world.site, sessions, views)])
    return Browsing(sessions, sources.targets.rechunk(), views, hits)


def _address_pages(stream: Stream, world: World, sessions: pl.DataFrame, walks: Walks) -> Addressed:
    """The target of each page view, with what slips into it."""
    languages = sessions["language"].gather(walks.session)
    pages = Addressed(world.site.targets, _choose_targets(stream, world, languages, walks))
    typed = _draw_places(stream, walks.page == Page.SEARCH, _TYPES_IDENTIFIER)
    members = world.population.members
    pages = type_identifiers(pages, typed, members[stream.integers(0, members.height, len(typed))], stream)
    campaigns = pl.Series([campaign for *_, campaign in read_sources()]).gather(sessions["source"])
    landed = np.flatnonzero(walks.begins & ((campaigns != "") & ~sessions["is_app"]).to_numpy()[walks.session])
    pages = add_campaigns(pages, landed, campaigns.gather(walks.session[landed]))
    carrying = _draw_places(stream, np.ones(len(walks.page), dtype=np.bool_), _CARRIES_PARAMETER)
    people = sessions.select("user_id", "email", "phone", "full_name")
    return add_parameters(pages, carrying, people[walks.session[carrying]], stream)


def _address_sources(stream: Stream, site: Site, sessions: pl.DataFrame, targets: pl.DataFrame) -> Addressed:
    """The target that sent each session here; web mail may name its reader."""
    sources = Addressed(targets, site.first[Page.SOURCE] + sessions["source"].to_numpy())
    is_mail = pl.Series([url.startswith("https://mail.") for _, url, _ in read_sources()]).gather(sessions["source"])
    named = _draw_places(stream, (is_mail & sessions["email"].is_not_null()).to_numpy(), _NAMES_RECIPIENT)
    return add_recipients(sources, named, sessions["email"].gather(named))


def _choose_targets(stream: Stream, world: World, languages: pl.Series, walks: Walks) -> Indices:
    """The target of each page view, as far as the site alone decides."""
    site, page = world.site, walks.page
    within = np.zeros(len(page), dtype=np.int64)
    for kind, exponent in ((Page.ITEM, 0.8), (Page.SELLER, 0.8), (Page.CATEGORY, 0.3)):
        popularity = zipf_weights(int(site.count[kind]), exponent=exponent, offset=10)
        within[page == kind] = choose(stream, popularity, int((page == kind).sum()))
    searches, bids = page == Page.SEARCH, page == Page.BID
    within[searches] = _choose_searches(stream, world, languages, walks)[searches]
    within[bids] = within[walks.find_latest(page == Page.ITEM)][bids] % site.count[Page.ITEM]
    return site.first[page] + within


def _choose_searches(stream: Stream, world: World, languages: pl.Series, walks: Walks) -> Indices:
    """A search for each page view: a fresh term, or the next page of the results just seen."""
    count, searches = len(walks.page), walks.page == Page.SEARCH
    leafs_on = _follows_directly(walks, searches) & searches & (stream.random(count) < _LEAFS_ON)
    asked = walks.find_latest(searches & ~leafs_on)
    terms = choose_terms(stream, world.terms, languages)[asked]
    leaf = np.minimum(np.arange(count) - asked, 2) + 1
    form = np.where(leafs_on, leaf, stream.random(count) < _WITHIN_CATEGORY)
    return terms * len(SEARCH_FORMS) + form


def _choose_referers(stream: Stream, site: Site, walks: Walks, pages: Indices, sources: Indices) -> Indices:
    """The page before in the same session, or what sent the session; some browsers tell neither."""
    before = np.where(walks.begins, sources[walks.session], np.roll(pages, 1))
    none_at_all = site.first[Page.SOURCE]
    return np.where(stream.random(len(pages)) < _HIDES_REFERRER, none_at_all, before)


def _draw_places(stream: Stream, candidates: Flags, chance: float) -> Indices:
    return np.flatnonzero(candidates & (stream.random(len(candidates)) < chance))


def _follows_directly(walks: Walks, marked: Flags) -> Flags:
    """Whether the page view before, in the same session, is marked."""
    return np.roll(marked, 1) & ~walks.begins


def _precedes(walks: Walks, marked: Flags) -> Flags:
    """Whether the page view after, in the same session, is marked."""
    return np.roll(marked & ~walks.begins, -1)
