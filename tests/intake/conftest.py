"""A service with an installation of its own for each file of tests, in a loop that runs beside them."""

from collections.abc import Callable, Iterator

import pytest
from anyio.from_thread import BlockingPortal, start_blocking_portal

from tests.intake.calls import Service, found_settings


@pytest.fixture(scope="module")
def portal() -> Iterator[BlockingPortal]:
    with start_blocking_portal() as portal:
        yield portal


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory, portal: BlockingPortal) -> Service:
    return Service(found_settings(tmp_path_factory.mktemp("intake") / "home"), portal)


@pytest.fixture
def found_service(tmp_path, portal: BlockingPortal) -> Callable[..., Service]:
    """A service in a home of its own, with limits of its own."""

    def found(**options) -> Service:
        return Service(found_settings(tmp_path / "home"), portal, **options)

    return found
