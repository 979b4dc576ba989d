"""Who gets what, and who is told of deletions: recipients, exports, and the outbox."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from datetime import datetime
from getpass import getuser
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from pipelines.commands.output import JsonOption, print_record
from pipelines.settings import load_settings

recipient = typer.Typer(no_args_is_help=True, help="Who gets exports, and is told of deletions that touch them.")
export = typer.Typer(no_args_is_help=True, help="What was handed over, to whom and what for.")
app = typer.Typer()

SHOWN = ("message_id", "kind", "request_id", "export_id", "recipient_id", "channel", "template", "state")
TRIED = ("attempt_count", "next_attempt_at", "created_at", "failure", "died_at")


@recipient.command("add")
def add(
    recipient_id: Annotated[str, typer.Argument(help="A short name, as contractors and teams have.")],
    *,
    kind: Annotated[Literal["contractor", "analyst", "public"], typer.Option()],
    purpose: Annotated[str, typer.Option(help="What they may use exports for.")],
    endpoint: Annotated[str | None, typer.Option(help="The https URL that takes notices of deletions.")] = None,
) -> None:
    """Enter somebody who may get exports."""
    from pipelines.journeys.house import open_house
    from pipelines.journeys.recipients import add_recipient

    house = open_house(load_settings())
    add_recipient(house, recipient_id, kind=kind, purpose=purpose, endpoint=endpoint, added_by=getuser())
    typer.echo(f"{recipient_id} may get exports")


@recipient.command("list")
def list_them(*, as_json: JsonOption = False) -> None:
    """Every recipient, also those that are closed."""
    from pipelines.control.recipients import list_recipients
    from pipelines.journeys.house import open_house

    records = [asdict(each) for each in list_recipients(open_house(load_settings()).ledger)]
    print_record({"recipients": records}, as_json=as_json, draw=lambda found: _draw_recipients(found["recipients"]))


def _draw_recipients(records: Iterable[Mapping[str, Any]]) -> str:
    lines = (
        f"{item['recipient_id']} ({item['kind']}{', closed' if item['closed_at'] else ''}), told at "
        f"{item['endpoint'] or 'no endpoint'}: {item['purpose']}"
        for item in records
    )
    return "\n".join(lines) or "there are no recipients"


@recipient.command("close")
def close(recipient_id: str) -> None:
    """Hand nothing more over to a recipient, who is still told of deletions that touch what they have."""
    from pipelines.control.recipients import close_recipient
    from pipelines.journeys.house import open_house

    house = open_house(load_settings())
    close_recipient(house.ledger, recipient_id, closed_at=house.now())
    typer.echo(f"{recipient_id} gets nothing more, and is still told of deletions that touch what they have")


@export.command("register")
def register(  # noqa: PLR0913 - a command's options
    recipient_id: str,
    file: Annotated[Path, typer.Argument(help="The very file that is handed over.")],
    *,
    dataset: Annotated[str, typer.Option(help="lake.<table> or marts.<table>.")],
    fields: Annotated[str, typer.Option(help="The columns in it, separated by commas.")],
    first: Annotated[datetime, typer.Option("--from", formats=["%Y-%m-%d"], help="The first day of its rows.")],
    last: Annotated[datetime, typer.Option("--to", formats=["%Y-%m-%d"], help="The last day of its rows.")],
    rows: Annotated[int, typer.Option(min=0, help="How many rows it has.")],
    kind: Annotated[Literal["release", "extract", "hand_over"], typer.Option()] = "hand_over",
    purpose: Annotated[str | None, typer.Option(help="What for; default: the recipient's purpose.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Enter a file before it is handed over, and print the export's id; nothing of the file is kept but its digest."""
    from pipelines.journeys.house import open_house
    from pipelines.journeys.recipients import Content, digest_file, register_export

    house = open_house(load_settings())
    names = tuple(name.strip() for name in fields.split(",") if name.strip())
    content = Content(dataset, names, first.date(), last.date(), rows, digest_file(file))
    entered = register_export(house, recipient_id, content, kind=kind, purpose=purpose, exported_by=getuser())
    print_record({"export_id": entered.export_id}, as_json=as_json, draw=lambda record: record["export_id"])


@export.command("list")
def list_exports(*, as_json: JsonOption = False) -> None:
    """Everything that was handed over, the oldest first."""
    from pipelines.control.recipients import list_exports as list_them
    from pipelines.journeys.house import open_house

    records = [asdict(each) for each in list_them(open_house(load_settings()).ledger)]
    print_record({"exports": records}, as_json=as_json, draw=lambda found: _draw_exports(found["exports"]))


def _draw_exports(records: Iterable[Mapping[str, Any]]) -> str:
    lines = (
        f"{item['export_id']} {item['kind']} of {item['layer']}.{item['dataset']} to {item['recipient_id']} on "
        f"{item['exported_at']:%Y-%m-%d}: {item['row_count']} rows, events of {item['first_date']} to "
        f"{item['last_date']}, for {item['purpose']}"
        for item in records
    )
    return "\n".join(lines) or "nothing was handed over"


@app.command()
def outbox(
    *,
    retry: Annotated[str | None, typer.Option(help="A dead message's id, which is tried again.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Messages that are not delivered: waiting, pending, or dead; no address is shown."""
    from pipelines.control.outbox import list_outbox, retry_message
    from pipelines.journeys.house import open_house

    house = open_house(load_settings())
    if retry:
        retry_message(house.ledger, retry, house.now())
    records = [{name: getattr(each, name) for name in (*SHOWN, *TRIED)} for each in list_outbox(house.ledger)]
    print_record({"messages": records}, as_json=as_json, draw=lambda found: _draw_messages(found["messages"]))


def _draw_messages(records: Iterable[Mapping[str, Any]]) -> str:
    return "\n".join(map(_draw_message, records)) or "the outbox is empty"


def _draw_message(item: Mapping[str, Any]) -> str:
    whom = f"{item['recipient_id']} of export {item['export_id']}" if item["recipient_id"] else "the member"
    said = item["template"] or "nothing yet"
    tried = f", {item['attempt_count']} attempts, last {item['failure'] or 'unknown'}" if item["attempt_count"] else ""
    due = f", next {item['next_attempt_at']:%Y-%m-%d %H:%M}" if item["next_attempt_at"] else ""
    told = f"to {whom} by {item['channel']}: {said}, for request {item['request_id']}"
    return f"{item['message_id']} {item['state']} {told}{tried}{due}"
