"""What the golden file of user agents cannot show: closed lists, limits, missing agents."""

import polars as pl
import pytest

from anonymization.user_agent import (
    BROWSER_FAMILIES,
    MAXIMUM_LENGTH,
    OS_FAMILIES,
    OTHER,
    PARTS,
    UNKNOWN,
    reduce_user_agents,
)

NOTHING = (UNKNOWN, None, UNKNOWN, None, UNKNOWN, None)
CHROME = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/152.0.0.0 Safari/537.36"
)
HOSTILE = [
    "u000000001/1.0 Mobile",
    "TaroYamadaBrowser/42.0 (Windows NT 6.1)",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_6 like Mac OS X) taro.yamada/9.0",
    "taro@example.jp crawler/1.0",
    "Mozilla/5.0 (compatible; taro-yamada-bot/1.0)",
    "Mozilla/5.0 (X11; U; TaroYamadaOS 3; Linux x86_64) Gecko/20100101 TaroYamada/3.0",
    "Chrome/09012345678.0.0.0 Firefox/09012345678",
]


@pytest.mark.parametrize("agent", [None, "", " ", "-", "\t-\n"])
def test_missing_agent_tells_nothing(agent: str | None):
    assert reduce_user_agents(pl.Series([agent], dtype=pl.String), ()).rows() == [NOTHING]


@pytest.mark.parametrize("agent", HOSTILE)
def test_names_that_an_agent_makes_up_do_not_survive(agent: str):
    row = reduce_user_agents(pl.Series([agent]), [("bot", "declared")]).to_dicts()[0]

    assert row["browser_family"] in {*BROWSER_FAMILIES, OTHER, UNKNOWN}
    assert row["os_family"] in {*OS_FAMILIES, OTHER, UNKNOWN}
    assert row["bot_family"] in {None, "other", "declared"}
    assert not any("taro" in str(value).lower() or "0901" in str(value) for value in row.values())


def test_first_declared_bot_that_matches_decides():
    agents = pl.Series(["Examplebot/1.0 monitor", "Mozilla/5.0 monitor"])
    reduced = reduce_user_agents(agents, [("Examplebot", "search_engine"), ("monitor", "monitor")])

    assert reduced["bot_family"].to_list() == ["search_engine", "monitor"]
    assert reduced["device_class"].to_list() == ["bot", "bot"]


def test_undeclared_spider_is_some_other_bot():
    agent = pl.Series(["Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"])

    assert reduce_user_agents(agent, ())["bot_family"].to_list() == ["other"]


def test_nothing_beyond_the_limit_is_read():
    long = " " * 3 + CHROME + " " * MAXIMUM_LENGTH + "Googlebot"
    reduced = reduce_user_agents(pl.Series([long]), [("Googlebot", "search_engine")])

    assert reduced.rows() == [("Chrome", 152, "Windows", None, "desktop", None)]


def test_agents_stay_in_order_and_no_agent_gives_no_row():
    assert reduce_user_agents(pl.Series(["-", CHROME]), ())["browser_family"].to_list() == [UNKNOWN, "Chrome"]
    assert reduce_user_agents(pl.Series([], dtype=pl.String), ()).schema == PARTS


def test_changed_bots_are_not_answered_from_memory():
    agent = pl.Series(["Shopping/1.0"])

    assert reduce_user_agents(agent, ())["bot_family"].to_list() == [None]
    assert reduce_user_agents(agent, [("Shopping", "library")])["bot_family"].to_list() == ["library"]
