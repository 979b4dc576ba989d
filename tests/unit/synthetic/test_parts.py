"""The small parts that everything is made of: chance, clock, addresses, user agents, comments and slips."""

from __future__ import annotations

from datetime import date, datetime
from ipaddress import IPv6Address, ip_address

import numpy as np
import polars as pl
import pytest

from pipelines.synthetic.addresses import (
    draw_interfaces,
    draw_ipv4,
    draw_ipv6_networks,
    list_spellings,
    spell_addresses,
    write_ipv6,
)
from pipelines.synthetic.chance import choose, open_stream
from pipelines.synthetic.clock import MILLISECONDS_PER_DAY, draw_times, write_combined_times, write_iso_times
from pipelines.synthetic.comments import write_comments
from pipelines.synthetic.site import Page, build_site, extend_targets
from pipelines.synthetic.terms import RARE_SHARE, draw_terms
from pipelines.synthetic.user_agents import choose_user_agents, load_user_agents

DAY = date(2026, 11, 22)


def test_streams_of_different_topics_days_and_seeds_differ():
    arguments = [(1, "a", 0), (1, "b", 0), (1, "a", 1), (2, "a", 0)]

    assert len({int(open_stream(*each).integers(2**62)) for each in arguments}) == 4
    assert open_stream(1, "a", 0).random() == open_stream(1, "a", 0).random()


def test_chances_follow_weights_and_never_pick_what_weighs_nothing():
    drawn = np.bincount(choose(open_stream(1, "a"), [3, 0, 1], 40_000), minlength=3)

    assert drawn[1] == 0
    assert drawn[0] / drawn[2] == pytest.approx(3, rel=0.1)


def test_times_are_written_as_both_formats_want_them():
    times = pl.Series([0, 38_700_123, MILLISECONDS_PER_DAY - 1])

    assert write_iso_times(times, DAY).to_list()[1] == "2026-11-22T10:45:00.123+09:00"
    assert write_combined_times(times, DAY).to_list()[1] == "22/Nov/2026:10:45:00 +0900"
    assert [datetime.fromisoformat(text).date() for text in write_iso_times(times, DAY)] == [DAY] * 3


def test_drawn_times_lie_within_the_day():
    times = draw_times(open_stream(1, "a"), 10_000)

    assert 0 <= times.min() < times.max() < MILLISECONDS_PER_DAY


def test_drawn_addresses_are_global_and_long_enough_to_be_recognised():
    stream = open_stream(1, "a")
    ipv4 = draw_ipv4(stream, 2_000).to_list()
    ipv6 = write_ipv6(draw_ipv6_networks(stream, 2_000), draw_interfaces(stream, 2_000))

    assert all(ip_address(text).is_global for text in ipv4 + ipv6)
    assert min(map(len, ipv4)) >= 11
    assert all(str(IPv6Address(text)) == text for text in ipv6)


def test_every_spelling_is_the_same_address():
    addresses = ["133.45.67.89", "2400:4050:0:ab01::1f"] * 200
    spelled = spell_addresses(open_stream(1, "a"), addresses, canonical_share=0.2)

    parsed = [ip_address(text) for text in spelled]
    assert {getattr(address, "ipv4_mapped", None) or address for address in parsed} == set(
        map(ip_address, addresses[:2])
    )
    assert set(spelled) == {
        "133.45.67.89",
        "::ffff:133.45.67.89",
        "::FFFF:133.45.67.89",
        "2400:4050:0:ab01::1f",
        "2400:4050:0:AB01::1F",
        "2400:4050:0000:ab01:0000:0000:0000:001f",
        "2400:4050:0:ab01:0:0:0:1f",
    }


def test_a_mapped_address_counts_as_the_address_inside_it_too():
    spelled = list_spellings(pl.Series(["::FFFF:133.45.67.89", "2400::1"]))

    assert set(spelled) == {"::FFFF:133.45.67.89", "133.45.67.89", "2400::1"}


@pytest.mark.parametrize("kind", ["desktop", "mobile", "tablet", "feature_phone", "app", "robot"])
def test_user_agents_are_drawn_from_their_own_kind(kind: str):
    drawn = load_user_agents()[choose_user_agents(open_stream(1, "a"), kind, 300)]

    assert set(drawn["kind"]) == {kind}
    assert not drawn["user_agent"].str.contains(r'[{}"\\]').any()


def test_a_few_hundred_terms_are_popular_and_rare_ones_share_a_few_per_cent():
    terms = draw_terms(seed=1)
    rare = terms.weights[-1_200:]

    assert 300 < len(terms.texts) - 1_200 < 600
    assert terms.texts.n_unique() == len(terms.texts)
    assert rare.sum() == pytest.approx(RARE_SHARE)
    assert terms.weights.sum() == pytest.approx(1)


def test_parameters_join_an_address_with_or_without_a_query():
    site = build_site(pl.Series(["u123456789"]), draw_terms(1), seed=1)
    rows = [int(site.first[Page.HOME]), int(site.first[Page.SEARCH])]

    extended = extend_targets(site.targets[rows], pl.Series(["uid=x", "uid=y"]), pl.Series(["x", "y"]))

    assert extended["uri"].str.ends_with("?uid=x").to_list() == [True, False]
    assert extended["url"].str.contains(r"\?q=.*&uid=y$").to_list() == [False, True]
    assert extended["identifiers"].to_list() == [["x"], ["y"]]


def test_an_address_remembers_all_identifiers_that_slipped_into_it():
    site = build_site(pl.Series(["u123456789"]), draw_terms(1), seed=1)
    seller = site.targets[[int(site.first[Page.SELLER])]]

    assert extend_targets(seller, pl.Series(["sid=x"]), pl.Series(["x"]))["identifiers"][0].to_list() == [
        "u123456789",
        "x",
    ]


def test_phone_numbers_and_emails_are_confided_in_every_spelling_of_a_keyboard():
    person = {
        "user_id": "u123456789",
        "email": "ren.sato10@example.jp",
        "phone": "090-1234-5678",
        "full_name": "佐藤蓮",
        "language": "ja",
    }
    comments = write_comments(open_stream(1, "a"), pl.DataFrame([person] * 3_000))

    assert set(comments["identifier"].drop_nulls()) == {
        "ren.sato10@example.jp",
        "ren.sato10＠example.jp",
        "090-1234-5678",
        "09012345678",
        "+81 90-1234-5678",
        "０９０－１２３４－５６７８",
        "佐藤蓮",
    }
    confided = comments.drop_nulls("identifier")
    assert all(identifier in comment for comment, identifier in confided.iter_rows())


def test_visitors_never_confide_what_nobody_knows():
    person = {"user_id": None, "email": None, "phone": None, "full_name": None, "language": "en"}
    comments = write_comments(open_stream(1, "a"), pl.DataFrame([person] * 500))

    assert comments["comment"].count() > 100
    assert comments["identifier"].count() == 0
