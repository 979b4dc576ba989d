"""The house as the service uses it: opened at the first request that needs it, and once, behind a ledger that is quick.

Whatever is wrong with it is the operator's to mend, and says nothing to whoever asks.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from threading import Lock

import sqlalchemy as sa

from anonymization.errors import AnonymizationError
from pipelines.control.desk_secrets import DeskSecrets, open_desk_secrets
from pipelines.control.ledger import open_ledger
from pipelines.errors import IntakeRefusedError, TokumeiError
from pipelines.journeys.chunk import describe_error
from pipelines.journeys.house import House, open_house
from pipelines.journeys.keys import renew_keyring
from pipelines.settings import Settings
from pipelines.telemetry import logger


class DeskClosedError(Exception):
    """Nothing can be filed or looked up now; nothing was lost."""


class Desk:
    """Opens the house for one request at a time, with the keyring and the secrets as they are now."""

    def __init__(self, settings: Settings, *, wait_seconds: int) -> None:
        self.settings = settings
        self._wait_seconds, self._lock = wait_seconds, Lock()
        self._house: House | None = None

    @contextmanager
    def open(self) -> Iterator[tuple[House, DeskSecrets]]:
        """DeskClosedError for whatever goes wrong, but for what is wrong with the request."""
        try:
            yield renew_keyring(self._open_once()), open_desk_secrets(self.settings)
        except IntakeRefusedError:
            raise
        except TokumeiError as error:
            raise _close(str(error)) from None
        except (AnonymizationError, sa.exc.SQLAlchemyError, OSError) as error:
            raise _close(describe_error(error)) from None

    def _open_once(self) -> House:
        with self._lock:
            if self._house is None:
                ledger = open_ledger(self.settings.control_url, wait_seconds=self._wait_seconds)
                self._house = replace(open_house(self.settings), ledger=ledger)
            return self._house

    def read_secrets(self) -> DeskSecrets:
        """DeskClosedError when they cannot be read."""
        try:
            return open_desk_secrets(self.settings)
        except (TokumeiError, OSError) as error:
            raise _close(describe_error(error)) from None


def _close(told: str) -> DeskClosedError:
    logger.warning("tokumei: the intake service cannot serve: %s", told)
    return DeskClosedError()
