"""The tokumei command: one journey each, without Airflow. Errors are one line on stderr with a hint."""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer

from anonymization.errors import AnonymizationError
from pipelines.commands import (
    data,
    deletion,
    hold,
    intake,
    keys,
    notices,
    proof,
    quality,
    recipients,
    restriction,
    rights,
)
from pipelines.errors import TokumeiError
from pipelines.telemetry import log_to_stderr

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help=__doc__)
app.add_typer(data.app)
app.add_typer(proof.app)
app.add_typer(restriction.app)
app.add_typer(rights.asked)
app.add_typer(quality.app)
app.add_typer(notices.app)
app.add_typer(recipients.app)
app.add_typer(intake.app)
app.add_typer(deletion.app, name="delete")
app.add_typer(rights.app, name="rights")
app.add_typer(proof.certificate, name="certificate")
app.add_typer(hold.app, name="hold")
app.add_typer(recipients.recipient, name="recipient")
app.add_typer(recipients.export, name="export")
app.add_typer(keys.app, name="keys")


@app.callback()
def prepare(
    *, verbose: Annotated[bool, typer.Option("--verbose", help="One JSON event a step on stderr.")] = False
) -> None:
    """Anonymised metrics from an online service's logs, and deletion that proves itself."""
    log_to_stderr(verbose=verbose)


def main() -> None:
    """Run the command; exit 0 only on success, and print any expected error as one line."""
    os.umask(0o077)
    try:
        app()
    except TokumeiError as error:
        _fail(str(error))
    except AnonymizationError as error:
        _fail(f"{error}; see `tokumei doctor`")


def _fail(message: str) -> None:
    typer.echo(f"tokumei: {message}", err=True)
    sys.exit(1)
