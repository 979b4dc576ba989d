"""Keys whose secrets are known, a service's vocabulary, and one scrubber for all tests: Presidio takes seconds."""

import pytest

from anonymization.free_text import TextScrubber, build_scrubber
from anonymization.keyring import Key
from anonymization.treatment import Context, Vocabulary
from anonymization.url import Referrer, Route

MEMBER_IDS = (("MEMBER_ID", "u[0-9]{9}"),)


@pytest.fixture(scope="session")
def usage_key() -> Key:
    return Key("usage-1", "usage", "1a" * 32, "2026-11-01T00:00:00+00:00")


@pytest.fixture(scope="session")
def security_key() -> Key:
    return Key("security-1", "security", "2b" * 32, "2026-11-01T00:00:00+00:00")


@pytest.fixture(scope="session")
def vocabulary() -> Vocabulary:
    return Vocabulary(
        routes=(
            Route(r"^/item/[0-9]+$", "/item/{id}", "item", is_page=True),
            Route(r"^/search$", "/search", "search", is_page=True),
        ),
        bots=((r"(?i)googlebot", "search_engine"),),
        referrers=(
            Referrer(r"^(?:www\.)?google\.(?:com|co\.jp)$", "search_engine", "google"),
            Referrer(r"^android-app:com\.google\.android\.googlequicksearchbox$", "search_engine", "google"),
        ),
        internal_hosts=("www.auction.example.jp", "オークション.example.", "android-app:jp.example.auction"),
        identifier_patterns=MEMBER_IDS,
    )


@pytest.fixture(scope="session")
def context(usage_key: Key, vocabulary: Vocabulary) -> Context:
    return Context(usage_key, vocabulary)


@pytest.fixture(scope="session")
def scrubber() -> TextScrubber:
    return build_scrubber(MEMBER_IDS)
