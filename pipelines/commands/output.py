"""How commands print: one record as text for people, or as JSON for programs."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Annotated, Any

import typer

JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]


def print_record(record: Mapping[str, Any], *, as_json: bool, draw: Callable[[Mapping[str, Any]], str]) -> None:
    """Print a record as JSON, or as the text that draw makes of it."""
    typer.echo(json.dumps(record, default=str, ensure_ascii=False) if as_json else draw(record))
