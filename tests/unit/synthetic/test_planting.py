"""The plant file lists every raw identifier that was written, as it was written, and nothing else."""

from __future__ import annotations

import re
from itertools import chain
from typing import TYPE_CHECKING
from urllib.parse import quote, quote_plus

import pytest
from ahocorasick_rs import AhoCorasick

from pipelines.synthetic.population import list_names
from pipelines.synthetic.user_agents import load_user_agents
from pipelines.synthetic.vocabulary import read_rows

if TYPE_CHECKING:
    from conftest import Landing

SHAPES = {
    "user id": r"(?<![0-9a-z])u\d{9}(?!\d)",
    "uuid": r"(?<![0-9A-Fa-f])[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}(?![0-9A-Fa-f])",
    "e-mail": r"[a-z]+\.[a-z]+\d+(?:@|%40|＠)example\.(?:jp|com|net)",
    "phone with hyphens": r"(?<!\d)0[789]0-\d{4}-\d{4}(?!\d)",
    "phone without hyphens": r"(?<![0-9a-f])0[789]0[1-9]\d{7}(?![0-9a-f])",
    "phone in an odd spelling": r"\+81 [789]0-\d{4}-\d{4}|０[７-９]０－[０-９]{4}－[０-９]{4}",
    "ipv4": r"(?<![\d.])\d{3}(?:\.\d{2,3}){3}(?![\d.])",
    "ipv6": r"(?<![0-9A-Fa-f:])(?:2001|24[0-9A-Fa-f]{2}):[0-9A-Fa-f:]{8,}",
    "mapped ipv4": r"::[Ff]{4}:\d+\.\d+\.\d+\.\d+",
    "session token": r"(?<=sid=)[0-9a-f]{32}",
}


@pytest.fixture(scope="module")
def text(landing: Landing) -> str:
    return landing.read_text()


@pytest.mark.parametrize("shape", SHAPES)
def test_everything_shaped_like_an_identifier_is_planted(landing: Landing, text: str, shape: str):
    found = set(re.findall(SHAPES[shape], text))

    assert found, "the data should hold some"
    assert not found - landing.planted


def test_every_planted_identifier_was_written(landing: Landing, text: str):
    planted = sorted(landing.planted)

    hits = AhoCorasick(planted).find_matches_as_indexes(text, overlapping=True)

    assert {index for index, _, _ in hits} == set(range(len(planted)))


def test_names_are_planted_in_each_spelling_that_was_written(landing: Landing, text: str):
    names = set(landing.world.population.members["full_name"])
    spellings = sorted(set(chain.from_iterable((name, quote(name), quote_plus(name)) for name in names)))

    hits = AhoCorasick(spellings).find_matches_as_indexes(text, overlapping=True)

    written = {spellings[index] for index, _, _ in hits}
    assert any("%" in spelling for spelling in written)
    assert not written - landing.planted


def test_whole_user_agents_of_all_good_lines_are_planted(landing: Landing):
    user_agents = {record["http_user_agent"] for record in landing.read_records("access/*")}

    assert user_agents <= landing.planted
    assert not {text for text in landing.planted if text.startswith(("Mozilla/", "DoCoMo/", "curl/"))} - user_agents


def test_members_who_never_came_are_planted_through_their_account_only(landing: Landing):
    people = landing.world.population.people

    assert set(people["user_id"].drop_nulls()) <= landing.planted
    assert not set(landing.world.population.clients["device_id"]) <= landing.planted


def test_no_planted_identifier_could_occur_by_chance(landing: Landing):
    assert min(len(text.encode()) for text in landing.planted) >= 7
    ipv4 = [text for text in landing.planted if re.fullmatch(r"[\d.]+", text) and "." in text]
    assert min(map(len, ipv4)) >= 11
    assert not [text for text in ipv4 if text.startswith(("10.", "127.", "192.168.", "172.", "169.254."))]


def test_no_name_is_a_word_of_the_vocabulary():
    words = "\n".join(
        chain.from_iterable(
            chain.from_iterable(read_rows(name))
            for name in ("search_terms.tsv", "rare_terms.tsv", "comments_ja.txt", "comments_en.txt", "assets.txt")
        )
    )
    names = [name for language in ("ja", "en", "zh", "ko") for name, _ in list_names(language)]

    assert min(len(name.encode()) for name in names) >= 7
    assert min(len(name) for name in names) >= 3
    assert not [name for name in names if name in words]


def test_user_agents_are_a_bounded_set():
    agents = load_user_agents()["user_agent"]

    assert 150 < agents.n_unique() < 500
    assert agents.str.len_bytes().min() >= 7
