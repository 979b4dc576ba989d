"""Both languages say the same things, and figures are written as their readers expect."""

import string
from datetime import date

import pytest

from pipelines.languages import LANGUAGES
from pipelines.report.weeks import Week, find_last_complete_week, find_week
from pipelines.report.wording import Wording, read_texts

EN, JA = Wording("en"), Wording("ja")


def places(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}


def test_every_text_exists_in_both_languages_with_the_same_places_to_fill_in():
    english, japanese = (read_texts()[language] for language in LANGUAGES)
    assert english.keys() == japanese.keys()
    for key in english:
        assert english[key].strip()
        assert japanese[key].strip()
        assert places(english[key]) == places(japanese[key]), key


def test_texts_cannot_be_changed():
    with pytest.raises(TypeError):
        read_texts()["en"]["usage"] = "gone"


def test_what_fills_a_place_is_never_read_as_a_place_itself():
    assert EN.text("leads", name="{share} {0.__class__}", share="5%") == "{share} {0.__class__} leads with 5%."


@pytest.mark.parametrize(
    ("now", "before", "english", "japanese"),
    [
        (112, 100, "12% more than the week before", "前週より12%増"),
        (97, 100, "3.0% fewer than the week before", "前週より3.0%減"),
        (1000, 1001, "about as many as the week before", "前週とほぼ同じ"),
        (5, 0, "", ""),
        (5, None, "", ""),
        (None, 5, "", ""),
    ],
)
def test_change_is_said_in_words_and_not_at_all_where_there_is_nothing_to_compare_with(now, before, english, japanese):
    assert (EN.change(now, before), JA.change(now, before)) == (english, japanese)


def test_shares_shift_by_points_and_not_by_percent_of_themselves():
    assert EN.shift(0.35, 0.30) == "5.0 points higher than the week before"
    assert JA.shift(0.30, 0.35) == "前週より5.0ポイント低下"
    assert EN.shift(0.301, 0.3) == "about the same as the week before"


def test_numbers_are_written_as_readers_of_the_language_expect():
    assert (EN.count(1_234_567), JA.count(1_234_567)) == ("1,234,567", "1,234,567")
    assert (EN.short(32_284), JA.short(32_284)) == ("32.3K", "3.2万")
    assert (EN.percent(0.082), EN.percent(0.82), EN.percent(0), EN.percent(None)) == ("8.2%", "82%", "0%", "–")
    assert EN.count(-6) == "−6"
    assert EN.dates(Week(date(2026, 11, 16))).replace("\u2009", " ") == "Nov 16 – 22, 2026"
    assert JA.dates(Week(date(2026, 11, 16))) == "2026年11月16日～22日"
    assert EN.full_date(date(2026, 11, 22)) == "November 22, 2026"
    assert JA.full_date(date(2026, 11, 22)) == "2026年11月22日"


def test_values_without_a_word_of_their_own_are_shown_as_they_are():
    assert EN.name("Mobile Safari") == "Mobile Safari"
    assert (EN.name("desktop"), JA.name("desktop")) == ("Computer", "パソコン")
    assert (EN.language_name("ja"), JA.language_name("ja")) == ("Japanese", "日本語")
    assert EN.language_name("(unknown)") == EN.name(None) == "Not told"


def test_week_is_the_iso_week_also_over_the_turn_of_the_year():
    week = find_week(date(2027, 1, 1))
    assert (week.monday, week.sunday, week.name) == (date(2026, 12, 28), date(2027, 1, 3), "2026-W53")


@pytest.mark.parametrize(
    ("today", "monday"),
    [(date(2026, 11, 22), date(2026, 11, 9)), (date(2026, 11, 23), date(2026, 11, 16))],
)
def test_last_complete_week_is_over_on_monday_and_not_on_sunday(today: date, monday: date):
    assert find_last_complete_week(today) == Week(monday)
