"""What the servers answer: status, size, and whether the visitor is signed in by then."""

from __future__ import annotations

import numpy as np
import polars as pl

from pipelines.synthetic.chance import Flags, Indices, Stream
from pipelines.synthetic.clock import MILLISECONDS_PER_DAY
from pipelines.synthetic.site import Page, Site
from pipelines.synthetic.walks import Walks

HIT_COLUMNS = ("session", "time", "target", "referer", "posted", "status", "body_bytes", "signed_in")

_BEHIND_LOGIN = (Page.WATCHLIST, Page.MYPAGE, Page.BID, Page.SELL, Page.PAYMENT)
_POSTED = (Page.SIGN_IN, Page.BID)
_WRONG_PASSWORD = 0.12
_ENDED_ITEM = 0.02
_SERVER_ERROR = 0.002
_OVERLOADED = 0.0006
_ASSETS_PER_PAGE = 0.32
_ASSETS_PER_LANDING = 1.3
_CACHED_ASSET = 0.3


def answer_pages(stream: Stream, walks: Walks, sessions: pl.DataFrame) -> pl.DataFrame:
    """One row a page view: session, time, page, posted, status, body_bytes, signed_in."""
    page, count = walks.page, len(walks.page)
    is_member = sessions["user_id"].is_not_null().to_numpy()[walks.session]
    signs_in = (page == Page.SIGN_IN) & is_member & (stream.random(count) >= _WRONG_PASSWORD)
    signed_in = sessions["begins_signed_in"].to_numpy()[walks.session] | _follows(walks, signs_in)
    status = _draw_statuses(stream, page, signs_in, signed_in)
    return pl.DataFrame(
        {
            "session": walks.session,
            "time": walks.time.astype(np.int64),
            "page": page,
            "posted": np.isin(page, _POSTED),
            "status": status,
            "body_bytes": _draw_sizes(stream, status, mean=18_000),
            "signed_in": signed_in,
        }
    )


def request_assets(stream: Stream, site: Site, sessions: pl.DataFrame, views: pl.DataFrame) -> pl.DataFrame:
    """Hits of the style sheets, scripts and images that browsers load with a page; the app brings its own."""
    lands = np.diff(views["session"].to_numpy(), prepend=-1) > 0
    loads = ~sessions["is_app"].to_numpy()[views["session"].to_numpy()]
    means = np.where(lands, _ASSETS_PER_LANDING, _ASSETS_PER_PAGE) * loads
    pages = views[np.repeat(np.arange(views.height), stream.poisson(means))]
    status = np.where(stream.random(pages.height) < _CACHED_ASSET, 304, 200)
    drawn = stream.integers(0, site.count[Page.ASSET], pages.height)
    hits = pages.with_columns(
        pl.Series("target", site.first[Page.ASSET] + drawn),
        pl.Series("status", status),
        pl.Series("body_bytes", _draw_sizes(stream, status, mean=30_000)),
        time=pl.col("time") + stream.integers(60, 1_500, pages.height),
        referer="target",
        posted=pl.lit(value=False),
    )
    return hits.filter(pl.col("time") < MILLISECONDS_PER_DAY).select(HIT_COLUMNS)


def _follows(walks: Walks, marked: Flags) -> Flags:
    """Whether an earlier page view of the same session is marked."""
    before: Indices = np.cumsum(marked) - marked
    return before > before[walks.find_latest(walks.begins)]


def _draw_statuses(stream: Stream, page: Indices, signs_in: Flags, signed_in: Flags) -> Indices:
    """200, unless the page asks for a login, the password is wrong, the item is gone or the server fails."""
    count = len(page)
    status = np.full(count, 200)
    status[np.isin(page, _BEHIND_LOGIN) & ~signed_in] = 302
    status[page == Page.SIGN_IN] = 401
    status[signs_in] = 302
    status[(page == Page.ITEM) & (stream.random(count) < _ENDED_ITEM)] = 404
    failure = stream.random(count)
    status[failure < _SERVER_ERROR] = 500
    status[failure < _OVERLOADED] = 503
    return status


def _draw_sizes(stream: Stream, status: Indices, mean: float) -> Indices:
    """Bytes of each answer: full pages vary, redirects and errors are short, an unchanged asset has none."""
    full = stream.lognormal(np.log(mean), 0.6, len(status)).astype(np.int64)
    return np.select([status == 200, status == 304], [full, 0], default=stream.integers(120, 900, len(status)))
