"""Suspension of use by hand: restrict, unrestrict."""

from __future__ import annotations

from getpass import getuser
from typing import Annotated

import typer

from pipelines.commands.output import JsonOption, print_record
from pipelines.settings import load_settings

app = typer.Typer()

UserId = Annotated[str, typer.Option(help="The member's id; becomes pseudonyms at once and is not kept.")]


@app.command()
def restrict(
    *,
    user_id: UserId,
    reason: Annotated[str | None, typer.Option(help="Why, and nobody's name: it is stored until it is lifted.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Suspend the use of a member's data: their rows stay, and leave every metric with the next build of the marts."""
    from pipelines.journeys.house import open_house
    from pipelines.journeys.restrict import restrict_member

    is_new = restrict_member(open_house(load_settings()), user_id, restricted_by=getuser(), reason=reason)
    told = "restricted; run `tokumei build-marts`" if is_new else "was restricted before"
    print_record({"restricted": True, "is_new": is_new}, as_json=as_json, draw=lambda _: told)


@app.command()
def unrestrict(*, user_id: UserId, as_json: JsonOption = False) -> None:
    """Lift what `restrict` did. Who does not consent, as the accounts source says, stays restricted."""
    from pipelines.journeys.house import open_house
    from pipelines.journeys.restrict import unrestrict_member

    remains = unrestrict_member(open_house(load_settings()), user_id)
    told = "lifted, and still restricted for want of consent" if remains else "lifted; run `tokumei build-marts`"
    print_record({"restricted": remains}, as_json=as_json, draw=lambda _: told)
