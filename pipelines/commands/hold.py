"""Legal holds by hand: place, list, release."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from datetime import datetime
from getpass import getuser
from typing import Annotated, Any

import typer

from pipelines.commands.output import JsonOption, print_record
from pipelines.settings import load_settings

app = typer.Typer(
    no_args_is_help=True, help="Legal holds, under which neither retention nor a deletion drops anything."
)


@app.command("place")
def place(
    dataset: Annotated[str, typer.Argument(help="A lake table.")],
    *,
    basis: Annotated[str, typer.Option(help="The law or the case's number, and nobody's name: it is stored.")],
    until: Annotated[datetime, typer.Option(formats=["%Y-%m-%d"], help="The last day that it protects.")],
    as_json: JsonOption = False,
) -> None:
    """Keep every row of a lake table through a day, and print the hold's id."""
    from pipelines.journeys.house import open_house
    from pipelines.journeys.retain import place_hold

    house = open_house(load_settings())
    hold = place_hold(house, dataset, legal_basis=basis, ends_on=until.date(), placed_by=getuser())
    print_record({"hold_id": hold.hold_id}, as_json=as_json, draw=lambda record: record["hold_id"])


@app.command("list")
def show(*, as_json: JsonOption = False) -> None:
    """Every hold, also those that are over or released."""
    from pipelines.control.holds import list_holds
    from pipelines.journeys.house import open_house

    house = open_house(load_settings())
    today = house.now().date()
    records = [{**asdict(hold), "protects": hold.protects_on(today)} for hold in list_holds(house.ledger)]
    print_record({"holds": records}, as_json=as_json, draw=lambda found: _draw_holds(found["holds"]))


def _draw_holds(records: Iterable[Mapping[str, Any]]) -> str:
    lines = (
        f"{item['hold_id']} {item['dataset']} until {item['ends_on']} "
        f"{'protects' if item['protects'] else 'is over'}, by {item['placed_by']}: {item['legal_basis']}"
        for item in records
    )
    return "\n".join(lines) or "there are no holds"


@app.command("release")
def release(hold_id: str, *, as_json: JsonOption = False) -> None:
    """End a hold: retention drops what it kept when it runs next, and held deletions go on with the next plan."""
    from pipelines.control.holds import release_hold
    from pipelines.journeys.house import open_house

    house = open_house(load_settings())
    release_hold(house.ledger, hold_id, released_at=house.now(), released_by=getuser())
    print_record({"released": hold_id}, as_json=as_json, draw=lambda _: f"released by {getuser()}")
