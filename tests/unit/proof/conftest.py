import pytest

from pipelines.proof.certificate import new_signing_key


@pytest.fixture(scope="session")
def signing_key() -> bytes:
    return new_signing_key()
