"""Suspension of use by hand: restrict, unrestrict."""

from __future__ import annotations

from collections.abc import Mapping
from getpass import getuser
from typing import TYPE_CHECKING, Annotated, Any
from uuid import uuid4

import typer

from pipelines.commands.output import JsonOption, print_record
from pipelines.settings import load_settings

if TYPE_CHECKING:
    from pipelines.journeys.house import House

app = typer.Typer()

UserId = Annotated[str, typer.Option(help="The member's id; becomes pseudonyms at once and is not kept.")]


@app.command()
def restrict(
    *,
    user_id: UserId,
    reason: Annotated[str | None, typer.Option(help="Why, and nobody's name: it is stored until it is lifted.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Suspend the use of a member's data: their rows stay, leave every metric at once, and a certificate proves it."""
    from pipelines.control.restrictions import list_restrictions
    from pipelines.journeys.house import open_house

    house = open_house(load_settings())
    record = _suspend(house, "restrict", user_id, {"reason": reason} if reason else {})
    is_new = any(each.restriction_id == record["request_id"] for each in list_restrictions(house.ledger))
    told = "restricted" if is_new else "was restricted before"
    print_record({"restricted": True, "is_new": is_new, **record}, as_json=as_json, draw=lambda each: _draw(told, each))


@app.command()
def unrestrict(*, user_id: UserId, as_json: JsonOption = False) -> None:
    """Lift what `restrict` did. Who does not consent, as the accounts source says, stays restricted."""
    from pipelines.journeys.house import open_house
    from pipelines.journeys.restrict import is_restricted

    house = open_house(load_settings())
    record = _suspend(house, "unrestrict", user_id, {})
    remains = is_restricted(house, user_id)
    told = "lifted, and still restricted for want of consent" if remains else "lifted"
    print_record({"restricted": remains, **record}, as_json=as_json, draw=lambda each: _draw(told, each))


def _suspend(house: House, kind: str, user_id: str, detail: Mapping[str, str]) -> dict[str, Any]:
    """File the request; its id, and its certificate once that is issued. ConfigurationError where it is void."""
    from pipelines.control.rights import get_right
    from pipelines.errors import ConfigurationError
    from pipelines.journeys.rights import file_right

    name = file_right(
        house, kind, user_id, request_key=f"cli-{uuid4()}", channel="cli", requested_by=getuser(), detail=detail
    )
    request = get_right(house.ledger, name)
    if request.state == "refused":
        raise ConfigurationError(str(request.reason), hint=f"see `tokumei rights status {name}`")
    return {"request_id": name, "certificate": f"{name}.jws" if request.state == "completed" else None}


def _draw(told: str, record: Mapping[str, Any]) -> str:
    waits = "its proof waits: run `tokumei build-marts`"
    return f"{told}: request {record['request_id']}\n{record['certificate'] or waits}"
