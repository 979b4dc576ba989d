from datetime import UTC, datetime

import pytest

from anonymization.keyring import Keyring, new_keyring
from pipelines.contracts.model import Catalogue, load_catalogue
from pipelines.settings import REPOSITORY


@pytest.fixture(scope="session")
def keyring() -> Keyring:
    """One key for each purpose, and a second one for usage."""
    now = datetime(2026, 11, 22, tzinfo=UTC)
    return new_keyring(now).rotated("usage", now)


@pytest.fixture(scope="session")
def catalogue() -> Catalogue:
    return load_catalogue(REPOSITORY / "data_contracts")
