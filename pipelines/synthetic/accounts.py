"""Account facts: a daily snapshot of every member, with what decides whether they may leave."""

from __future__ import annotations

from datetime import date
from pathlib import PurePosixPath

import numpy as np
import polars as pl

from pipelines.synthetic.batches import Batch, gather_identifiers, write_json_lines
from pipelines.synthetic.chance import Flags, Indices, open_stream
from pipelines.synthetic.world import Day

_COLUMNS = (
    "user_id", "email", "phone", "display_name", "registered_date", "open_listings", "open_trades",
    "last_transaction_date", "consent", "facebook_user_id",
)  # fmt: skip
_DORMANT_SHARE = 0.35
_NEVER_TRADED_SHARE = 0.10
_REFUSES_CONSENT_SHARE = 0.03
_FACEBOOK_SHARE = 0.12
_TRADES_TODAY = 0.08
_CLOSES_TODAY = 0.15
_DORMANT_FOR_DAYS = 75  # more than the two months that make any member eligible


def open_accounts(members: pl.DataFrame, start: date, seed: int) -> pl.DataFrame:
    """The state before the first day: the columns of a snapshot, and `is_settled` for those who no longer trade."""
    stream, count = open_stream(seed, "accounts"), members.height
    leaving = members["leaving"]
    waits = (leaving == "waiting").fill_null(value=False).to_numpy()
    dormant = ((stream.random(count) < _DORMANT_SHARE) | leaving.is_not_null().to_numpy()) & ~waits
    idle_days = np.where(dormant, _DORMANT_FOR_DAYS + stream.geometric(1 / 200, count), stream.integers(1, 55, count))
    traded = (stream.random(count) >= _NEVER_TRADED_SHARE) | leaving.is_not_null().to_numpy()
    registered_days = idle_days + 1 + stream.integers(20, 3_600, count)
    return members.select("user_id", "email", "phone", pl.col("full_name").alias("display_name")).with_columns(
        _count_back(start, registered_days).alias("registered_date"),
        pl.Series("open_listings", np.where(dormant, 0, np.maximum(stream.poisson(0.9, count), waits))),
        pl.Series("open_trades", np.where(dormant, 0, np.maximum(stream.poisson(0.4, count), waits))),
        pl.when(pl.Series(traded)).then(_count_back(start, idle_days)).alias("last_transaction_date"),
        pl.Series("consent", (stream.random(count) >= _REFUSES_CONSENT_SHARE) | leaving.is_not_null().to_numpy()),
        pl.Series("is_settled", dormant | leaving.is_not_null().to_numpy()),
        _link_facebook(count, seed),
    )


def _link_facebook(count: int, seed: int) -> pl.Series:
    """Ids within our app, of those who log in by Facebook; drawn apart, so that nothing else is drawn otherwise."""
    stream = open_stream(seed, "facebook")
    ids, linked = stream.integers(10**15, 10**16, count), stream.random(count) < _FACEBOOK_SHARE
    drawn = zip(ids, linked, strict=True)
    return pl.Series("facebook_user_id", [str(each) if is_linked else None for each, is_linked in drawn], pl.String)


def trade(accounts: pl.DataFrame, day: Day) -> pl.DataFrame:
    """The state after a day: deals open and close, listings come and go; settled accounts stay as they are."""
    stream, count = day.open_stream("trading"), accounts.height
    trading = ~accounts["is_settled"].to_numpy()
    deals = trading & (stream.random(count) < _TRADES_TODAY)
    closes = trading & (stream.random(count) < _CLOSES_TODAY)
    return accounts.with_columns(
        pl.when(pl.Series(deals))
        .then(pl.lit(day.date))
        .otherwise("last_transaction_date")
        .alias("last_transaction_date"),
        _move(accounts["open_trades"], up=deals, down=closes),
        _move(accounts["open_listings"], up=trading & (stream.random(count) < _CLOSES_TODAY), down=deals),
    )


def write_account_snapshot(accounts: pl.DataFrame, day: date) -> Batch:
    """The day's file: one line a member."""
    dates = [pl.col(name).cast(pl.String) for name in ("registered_date", "last_transaction_date")]
    records = accounts.with_columns(dates).select(pl.lit(day.isoformat()).alias("as_of"), *_COLUMNS)
    return Batch(
        PurePosixPath(f"accounts/accounts-{day:%Y%m%d}.jsonl"),
        write_json_lines(records),
        gather_identifiers(
            [records[name] for name in ("user_id", "email", "phone", "display_name", "facebook_user_id")]
        ),
    )


def _count_back(start: date, days: Indices) -> pl.Series:
    return pl.Series((np.datetime64(start) - days).astype("datetime64[D]").astype("datetime64[ms]")).cast(pl.Date)


def _move(counts: pl.Series, *, up: Flags, down: Flags) -> pl.Series:
    return (counts + pl.Series(up).cast(pl.Int64) - pl.Series(down).cast(pl.Int64)).clip(lower_bound=0)
