"""What the golden file of user agents cannot show of client hints: missing columns, limits, tampering."""

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from anonymization.client_hints import BETWEEN, HINTS, MAXIMUM_LENGTH, reduce_agents
from anonymization.distinct import Rows
from anonymization.user_agent import BROWSER_FAMILIES, OS_FAMILIES, OTHER, UNKNOWN, reduce_user_agents

CHROME = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/152.0.0.0 Safari/537.36"
)
ELEVEN = {
    "ch_ua": '"Chromium";v="152", "Google Chrome";v="152"',
    "ch_ua_platform": '"Windows"',
    "ch_ua_platform_version": '"15.0.0"',
    "ch_ua_mobile": "?0",
}
texts = st.one_of(
    st.none(),
    st.sampled_from([*ELEVEN.values(), '"Android"', '"macOS"', '"0.3.0"', "?1", BETWEEN, '"Brave";v="9"', '"taro"']),
    st.text(max_size=40),
)


def reduce_one(agent: str | None, **hints: str | None) -> tuple[object, ...]:
    columns = {"user_agent": [agent], **{name: [text] for name, text in hints.items()}}
    return reduce_agents(Rows(pl.DataFrame(columns, schema=dict.fromkeys(columns, pl.String))), [*columns], ()).row(0)


def test_hints_tell_the_system_s_version_that_the_agent_froze():
    assert reduce_one(CHROME, **ELEVEN) == ("Chrome", 152, "Windows", 11, "desktop", None)


@pytest.mark.parametrize("missing", HINTS)
def test_source_without_one_of_the_hints_is_refined_by_the_others(missing: str):
    hints = {name: text for name, text in ELEVEN.items() if name != missing}

    major = None if missing in {"ch_ua_platform", "ch_ua_platform_version"} else 11
    assert reduce_one(CHROME, **hints) == ("Chrome", 152, "Windows", major, "desktop", None)
    assert reduce_one(CHROME, **hints, **{missing: None}) == reduce_one(CHROME, **hints)


def test_overlong_hint_is_not_read():
    long = ELEVEN["ch_ua"] + ', "x";v="1"' * MAXIMUM_LENGTH

    assert reduce_one(CHROME, ch_ua=long + ', "HeadlessChrome";v="152"')[:2] == ("Chrome", 152)


def test_rows_keep_their_order_and_nobody_s_hints_are_another_s():
    rows = [
        (CHROME, '"15.0.0"'),
        (None, '"15.0.0"'),
        (CHROME, None),
        (CHROME, f'{BETWEEN}"10.0"'),
        (CHROME, '"10.0"'),
    ]
    frame = pl.DataFrame(
        {
            "user_agent": [agent for agent, _ in rows],
            "ch_ua_platform": ['"Windows"'] * 5,
            "ch_ua_platform_version": [version for _, version in rows],
        }
    )
    reduced = reduce_agents(Rows(pl.concat([frame, frame])), frame.columns, ())

    assert reduced["os_major"].to_list() == [11, None, None, None, 10] * 2
    assert reduced["browser_family"].to_list() == ["Chrome", UNKNOWN, "Chrome", "Chrome", "Chrome"] * 2


def test_no_row_gives_no_row():
    empty = pl.DataFrame(schema=dict.fromkeys(["user_agent", *HINTS], pl.String))

    assert reduce_agents(Rows(empty), empty.columns, ()).height == 0


@given(agent=st.one_of(texts, st.just(CHROME)), hints=st.tuples(texts, texts, texts, texts))
def test_nothing_but_listed_names_and_short_numbers_comes_out(agent: str | None, hints: tuple[str | None, ...]):
    browser, browser_major, system, system_major, device, bot = reduce_one(
        agent, **dict(zip(HINTS, hints, strict=True))
    )

    assert browser in {*BROWSER_FAMILIES, OTHER, UNKNOWN}
    assert system in {*OS_FAMILIES, OTHER, UNKNOWN}
    assert all(major is None or 0 <= major < 10_000 for major in (browser_major, system_major))
    assert device in {"desktop", "mobile", "tablet", "feature_phone", "bot", UNKNOWN}
    assert bot in {None, "other"}


@given(agent=texts)
def test_without_hints_an_agent_is_what_it_says(agent: str | None):
    alone = reduce_user_agents(pl.Series([agent], dtype=pl.String), ()).row(0)

    assert reduce_one(agent) == reduce_one(agent, **dict.fromkeys(HINTS)) == alone
