"""The programs that visit: user agents expanded from templates and versions, a few hundred in all."""

from __future__ import annotations

from functools import cache
from itertools import product

import polars as pl

from pipelines.synthetic.chance import Indices, Stream, choose
from pipelines.synthetic.vocabulary import read_rows


@cache
def load_user_agents() -> pl.DataFrame:
    """Every user agent with `kind` (desktop, mobile, tablet, feature_phone, app, robot), `platform` and `weight`.

    `app_version` and `os_version` are what the template was filled with; they mean what they say for kind `app`.
    """
    columns = ("kind", "platform", "weight", "user_agent", "app_version", "os_version")
    rows = [row for template in read_rows("user_agents.tsv")[1:] for row in _expand_template(template)]
    return pl.DataFrame(rows, schema=columns, orient="row").with_row_index("agent")


def choose_user_agents(stream: Stream, kind: str, count: int) -> Indices:
    """`count` rows of `load_user_agents`, all of one kind, each as likely as its weight."""
    candidates = load_user_agents().filter(pl.col("kind") == kind)
    return candidates["agent"].to_numpy()[choose(stream, candidates["weight"].to_numpy(), count)].astype("int64")


def _expand_template(row: tuple[str, ...]) -> list[tuple[str, str, float, str, str, str]]:
    """One row for each pair of versions; they share the template's weight."""
    kind, platform, weight, template, first, second = row
    versions = list(product(first.split("|"), second.split("|")))
    share = float(weight) / len(versions)
    return [(kind, platform, share, template.format(*pair), *pair) for pair in versions]
