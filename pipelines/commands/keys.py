"""The keyring's life: init, rotate, destroy, history."""

from __future__ import annotations

import typer

from pipelines.settings import load_settings, prepare_home

app = typer.Typer(no_args_is_help=True, help="The keyring.")


@app.command("init")
def make() -> None:
    """Make the keyring and the certificate signing key; refuses to replace them."""
    from pipelines.journeys.keys import make_keys

    settings = load_settings()
    prepare_home(settings)
    typer.echo("keyring made" if make_keys(settings) else "the keyring is already there")


@app.command("rotate")
def rotate(purpose: str) -> None:
    """Start a new key for a purpose; the older ones stay live, so that deletions still reach what they made."""
    from pipelines.journeys.keys import rotate_key

    typer.echo(f"{rotate_key(load_settings(), purpose)} makes new pseudonyms now")


@app.command("destroy")
def destroy(key_id: str) -> None:
    """Destroy an old key: what was made under it can never again be traced to anyone, nor deleted by request.

    There is no way back, and the history keeps that it happened. Visitor keys are destroyed on schedule by `retain`.
    """
    from pipelines.journeys.keys import destroy_key

    typer.echo(destroy_key(load_settings(), key_id).message)


@app.command("history")
def show_history() -> None:
    """When which key was made and destroyed; no secrets."""
    from pipelines.journeys.keys import list_history

    for entry in list_history(load_settings()):
        typer.echo(f"{entry['at']}  {entry['action']:<9}  {entry['key_id']}")
