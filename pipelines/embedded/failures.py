"""What can go wrong around the embedded Airflow, grouped by what the caller does next."""

from __future__ import annotations

from pipelines.errors import ConfigurationError, TransientError


class ComponentExitedError(ConfigurationError):
    """An Airflow process ended by itself; its log says why."""


class ImportFailedError(ConfigurationError):
    """Airflow could not import a DAG file."""


class RequestRefusedError(ConfigurationError):
    """Airflow's API refused a request; `status` is the HTTP status."""

    def __init__(self, what: str, *, hint: str, status: int) -> None:
        super().__init__(what, hint=hint)
        self.status = status


class ServerUnreachableError(TransientError):
    """Airflow's API did not answer at all."""


class AirflowTimeoutError(TransientError):
    """Airflow took longer than it was given."""


class HomeInUseError(TransientError):
    """Another embedded Airflow runs in the same home."""
