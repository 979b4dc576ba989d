"""The intake service: serve it, and enter the secrets that it shares with its callers."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from pipelines.settings import load_settings, prepare_home

app = typer.Typer()


@app.command("serve-intake")
def serve_intake(
    *,
    host: Annotated[str, typer.Option(help="The address to listen at.")] = "127.0.0.1",
    port: Annotated[int | None, typer.Option(min=1, max=65535, help="In place of TOKUMEI_INTAKE_PORT.")] = None,
) -> None:
    """Serve what comes over HTTP: requests of clients, Facebook's callback, status pages. Put TLS before it."""
    from pipelines.intake.application import create_application
    from pipelines.intake.server import serve

    settings = load_settings()
    serve(create_application(settings), host, port or settings.intake_port)


@app.command("intake-client")
def make_client(
    name: Annotated[str, typer.Argument(help="A short name of who calls, such as service.")],
    *,
    renew: Annotated[bool, typer.Option("--renew", help="A new secret in place of the one that it has.")] = False,
) -> None:
    """Make the secret that a client of the intake service signs with, and print it, once."""
    from pipelines.journeys.intake_secrets import make_client_secret

    settings = load_settings()
    prepare_home(settings)
    typer.echo(make_client_secret(settings, name, renew=renew).reveal())


@app.command("facebook-secret")
def enter_facebook_secret() -> None:
    """Read the secret of the Facebook app from stdin; with it, the data deletion callback begins to answer."""
    from pipelines.journeys.intake_secrets import keep_facebook_secret

    settings = load_settings()
    prepare_home(settings)
    keep_facebook_secret(settings, sys.stdin.readline())
    typer.echo("the callback answers at /facebook/data-deletion")
