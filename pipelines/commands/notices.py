"""What the senders of notices need by hand."""

from __future__ import annotations

import sys

import typer

from pipelines.settings import load_settings, prepare_home

app = typer.Typer()


@app.command("sms-token")
def keep_token() -> None:
    """Keep the SMS gateway's token, one line on standard input, with the other secrets; it is never shown again."""
    from pipelines.journeys.senders import keep_sms_token

    settings = load_settings()
    prepare_home(settings)
    keep_sms_token(settings, sys.stdin.readline(8192).rstrip("\r\n"))
    typer.echo("the token is kept")
