"""What members are told: in both languages, within one short message, and nothing of a person."""

import string
from itertools import product

import pytest

from pipelines.errors import ConfigurationError
from pipelines.languages import LANGUAGES
from pipelines.notices.render import REASONS, TEMPLATES, read_texts, render

REQUEST_ID = "3f0c9a52-6f0e-5d0b-9f57-0a4c3c8a1d11"
CODE = "ABCDEFGHIJKLMNOPQRSTUVWX"
SHORT_SITE, LONG_SITE = "https://p.auction.jp", "https://privacy.customer-services.auction-house.example.co.jp"
GSM = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
ONE_MESSAGE = {"en": 160, "ja": 70}
TWO_MESSAGES = {"en": 2 * 153, "ja": 2 * 67}
EVERY = list(product(TEMPLATES, LANGUAGES, REASONS))


def facts_of(site: str | None, reason: str = "unknown") -> dict[str, str]:
    page = {"status_url": f"{site}/status/{CODE}"} if site else {}
    return {"request_id": REQUEST_ID, "reason": reason, **page}


def list_places(text: str) -> set[str | None]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}


def test_every_text_is_there_in_both_languages_with_the_same_places():
    english, japanese = (read_texts()[language] for language in LANGUAGES)
    assert english.keys() == japanese.keys()
    for key in english:
        both = {"en": english[key], "ja": japanese[key]}
        assert all(text.strip() for text in both.values()), key
        assert list_places(both["en"]) == list_places(both["ja"]), key
        assert list_places(both["en"]) <= {"text", "reason", "request_id", "status_url"}, key


def test_there_is_a_text_for_everything_that_is_told_and_no_other():
    told = {f"{template}.{part}" for template in TEMPLATES for part in ("subject", "sms", "mail")}
    reasons = {f"reason.{reason}.{part}" for reason in REASONS for part in ("sms", "mail")}
    closings = {f"{closing}.{part}" for closing in ("status", "number") for part in ("sms", "mail")}
    assert set(read_texts()["en"]) == told | reasons | closings


@pytest.mark.parametrize(("template", "language", "reason"), EVERY)
@pytest.mark.parametrize("site", [None, SHORT_SITE])
def test_short_message_is_one_message(template: str, language: str, reason: str, site: str | None):
    _, text = render(template, language, facts_of(site, reason))

    assert len(text) <= ONE_MESSAGE[language]
    assert language == "ja" or GSM.issuperset(text)


@pytest.mark.parametrize(("template", "language", "reason"), EVERY)
def test_short_message_is_two_at_most_however_long_the_name_of_the_site(template: str, language: str, reason: str):
    assert len(render(template, language, facts_of(LONG_SITE, reason))[1]) <= TWO_MESSAGES[language]


@pytest.mark.parametrize(("template", "language", "reason"), EVERY)
@pytest.mark.parametrize("channel", ["sms", "email"])
def test_message_names_the_page_of_the_request_or_else_its_number(template, language, reason, channel):
    with_page = render(template, language, facts_of(SHORT_SITE, reason), channel=channel)[1]
    without = render(template, language, facts_of(None, reason), channel=channel)[1]

    assert f"{SHORT_SITE}/status/{CODE}" in with_page
    assert REQUEST_ID in without
    assert "{" not in with_page + without


@pytest.mark.parametrize("template", TEMPLATES)
def test_letter_in_japanese_is_in_japanese(template: str):
    subject, text = render(template, "ja", facts_of(None), channel="email")

    assert not subject.isascii()
    assert "受付番号" in text
    assert "\n" not in subject


@pytest.mark.parametrize("template", ["delayed", "overdue"])
def test_delay_says_why_in_words_that_differ(template: str):
    for language, channel in product(LANGUAGES, ("sms", "email")):
        told = {render(template, language, facts_of(None, reason), channel=channel)[1] for reason in REASONS}
        assert len(told) == len(REASONS)


def test_reason_that_we_have_no_words_for_is_not_repeated():
    assert "taro" not in render("delayed", "en", facts_of(None, "taro said so"))[1]


def test_facts_are_never_read_as_templates():
    _, text = render("completed", "en", {"request_id": "{status_url}", "status_url": ""})

    assert text.endswith("{status_url}")


@pytest.mark.parametrize(("template", "language"), [("taro", "en"), ("completed", "taro"), ("reason.held", "en")])
def test_unknown_template_or_language_is_an_error_without_its_name(template: str, language: str):
    with pytest.raises(ConfigurationError, match="there is none of") as caught:
        render(template, language, facts_of(None))

    assert "taro" not in str(caught.value)
