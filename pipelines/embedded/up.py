"""`make up`: the embedded Airflow with its web pages, until Ctrl-C."""

from __future__ import annotations

import sys
from contextlib import suppress

import typer

from pipelines.embedded.airflow import EmbeddedAirflow
from pipelines.embedded.credentials import list_users, passwords_file
from pipelines.embedded.environment import AirflowConfig, configure
from pipelines.errors import TokumeiError
from pipelines.settings import load_settings


def run_until_interrupted(config: AirflowConfig) -> None:
    """Start Airflow, say where it is, and stay."""
    with suppress(KeyboardInterrupt), EmbeddedAirflow(config, announce=typer.echo) as airflow:
        typer.echo(f"Airflow is at {config.url}, for the users {', '.join(list_users(config.officers))}")
        typer.echo(f"their passwords are in {passwords_file(config.home)}")
        typer.echo("Ctrl-C ends it")
        airflow.wait_until_interrupted()


def main() -> None:
    """Exit 0 after Ctrl-C, 1 with one line on stderr when Airflow cannot start or stay up."""
    try:
        run_until_interrupted(configure(load_settings()))
    except TokumeiError as error:
        typer.echo(f"error: {error}", err=True)
        sys.exit(1)


if __name__ == "__main__":
    main()
