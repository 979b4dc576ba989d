"""Commands that carry data: generate, ingest, build marts, query, report, retain."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from getpass import getuser
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from pipelines.commands.output import JsonOption, print_record
from pipelines.errors import ConfigurationError
from pipelines.settings import load_settings

if TYPE_CHECKING:
    from pipelines.control.deliveries import Delivery

app = typer.Typer()


@app.command()
def generate(  # noqa: PLR0913 - a command's options
    *,
    out: Annotated[Path, typer.Option(help="Where the landing directories are written.")],
    days: Annotated[int, typer.Option(min=1)] = 7,
    users: Annotated[int, typer.Option(min=1, help="Members; about as many visitors come on top.")] = 300,
    seed: Annotated[int, typer.Option(help="The same seed and start give the same bytes.")] = 1,
    start: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="First day; default: ends yesterday.")
    ] = None,
    plant: Annotated[Path | None, typer.Option(help="Lists every raw identifier written, one a line.")] = None,
) -> None:
    """Write realistic source files of every kind."""
    from pipelines.synthetic import generate as write

    first = start.date() if start else datetime.now(UTC).astimezone(load_settings().zone).date() - timedelta(days=days)
    done = write(out, days=days, users=users, seed=seed, start=first, plant=plant)
    planted = f", {done.planted_count} identifiers planted" if plant else ""
    typer.echo(f"{done.line_count} lines in {len(done.files)} files from {first}{planted}")


@app.command()
def ingest(
    paths: Annotated[
        list[str] | None, typer.Argument(help="Files, directories or globs in landing; default: all of it.")
    ] = None,
    *,
    accept_rejects: Annotated[
        bool, typer.Option("--accept-rejects", help="Take in what can be read of the files named, however little.")
    ] = False,
    replay_rejected: Annotated[
        bool, typer.Option("--replay-rejected", help="Take in quarantined lines that can be read since a fix.")
    ] = False,
) -> None:
    """Take in what waits in landing. Exits 1 when a file had to be held, after taking in all others.

    A file that is still being written is left for the next run, and is no failure.
    """
    from pipelines.journeys.house import open_house
    from pipelines.journeys.ingest import accept_rejects_of, find_files, name_files
    from pipelines.journeys.ingest import ingest as take_in
    from pipelines.journeys.replay import replay_rejected as replay

    if replay_rejected and (paths or accept_rejects):
        raise ConfigurationError("--replay-rejected reads the quarantine, no files", hint="give it alone")
    if accept_rejects and not paths:
        raise ConfigurationError("--accept-rejects is for files that you have looked at", hint="name them")
    house = open_house(load_settings())
    if replay_rejected:
        _tell_deliveries(replay(house), "the quarantine holds no line that can be read now")
        return
    files = name_files(house, paths) if paths else find_files(house)
    _tell_deliveries(take_in(house, accept_rejects_of(files) if accept_rejects else files), "landing is empty")


def _tell_deliveries(deliveries: Sequence[Delivery], nothing: str) -> None:
    """One line for each delivery; exit 1 when one is held."""
    for delivery in deliveries:
        name, counts = f"{delivery.source}/{delivery.file_name}", delivery.counts
        if delivery.state in ("held", "left"):
            typer.echo(f"tokumei: {name} is {delivery.state}: {delivery.reason}", err=True)
            continue
        typer.echo(
            f"{name} {delivery.state}: {counts.read} read = {counts.accepted} accepted + {counts.rejected} rejected "
            f"+ {counts.duplicate} duplicate + {counts.suppressed} suppressed",
        )
    if not deliveries:
        typer.echo(nothing)
    if any(delivery.state == "held" for delivery in deliveries):
        raise typer.Exit(1)


@app.command("build-marts")
def build(
    *,
    first: Annotated[
        datetime | None, typer.Option("--from", formats=["%Y-%m-%d"], help="Rebuild every date from this one on.")
    ] = None,
    last: Annotated[
        datetime | None, typer.Option("--to", formats=["%Y-%m-%d"], help="Rebuild every date until this one.")
    ] = None,
) -> None:
    """Build the marts of all touched dates, and of those named, and publish the warehouse."""
    from pipelines.journeys.build_marts import build_marts, rebuild_marts
    from pipelines.journeys.house import open_house
    from pipelines.journeys.suspension import finish_suspensions

    house = open_house(load_settings())
    if first or last:
        published = rebuild_marts(house, first and first.date(), last and last.date())
        typer.echo(f"{len(published.event_dates)} dates rebuilt")
    else:
        published = build_marts(house)
    finish_suspensions(house)
    for table, rows in published.tables.items():
        typer.echo(f"marts.{table}: {rows} rows")


@app.command()
def query(
    sql: Annotated[str | None, typer.Argument(help="One SELECT; with --cookbook the name of a recipe.")] = None,
    *,
    format: Annotated[Literal["table", "csv", "json"], typer.Option()] = "table",  # noqa: A002 - the option's name
    cookbook: Annotated[bool, typer.Option("--cookbook", help="List the recipes, or run the one named.")] = False,
    hand_to: Annotated[
        str | None, typer.Option("--hand-to", help="Register the rows as an extract that this recipient gets.")
    ] = None,
) -> None:
    """Read-only SQL on the published warehouse."""
    from pipelines.warehouse.cookbook import find_recipe, read_cookbook
    from pipelines.warehouse.query import run_query

    settings = load_settings()
    recipes = read_cookbook(settings.sql) if cookbook else {}
    if sql is None and not cookbook:
        raise ConfigurationError("there is nothing to ask", hint="give a SELECT, or --cookbook")
    if sql is None:
        typer.echo("\n".join(f"{name}: {recipe.question}" for name, recipe in recipes.items()))
        return
    asked = find_recipe(recipes, sql).sql if cookbook else sql
    if hand_to is None:
        typer.echo(run_query(settings.warehouse_file, asked, format=format))
        return
    from pipelines.journeys.house import open_house
    from pipelines.journeys.recipients import hand_over

    typer.echo(hand_over(open_house(settings), hand_to, asked, format=format, exported_by=getuser()))


@app.command()
def report(
    *,
    week: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Any day of the week; default: the last complete one.")
    ] = None,
    language: Annotated[Literal["en", "ja"], typer.Option()] = "en",
    out: Annotated[
        Path | None, typer.Option(help="The file to write; default: reports/usage-<week>.<language>.html.")
    ] = None,
) -> None:
    """Write the page of a week's figures, which one file holds whole; prints its path."""
    from pipelines.journeys.report import report as write

    typer.echo(write(load_settings(), week and week.date(), language, out))


@app.command()
def retain(*, as_json: JsonOption = False) -> None:
    """Remove what the contracts let us hold no longer, except under a hold, and merge small files."""
    from pipelines.journeys.house import open_house
    from pipelines.journeys.retain import retain as enforce

    print_record(asdict(enforce(open_house(load_settings()))), as_json=as_json, draw=_draw_retention)


def _draw_retention(report: Mapping[str, Any]) -> str:
    lines = [f"keys: {len(report['destroyed_keys'])} destroyed"]
    for item in report["tables"]:
        held = f"; held until {item['held_until']}, so nothing expired" if item["held_until"] else ""
        lines.append(
            f"{item['table']}: {item['expired_rows']} rows in {item['expired_files']} files expired, "
            f"{item['merged_files']} files merged into {item['written_files']}, "
            f"{item['removed_files']} removed from disk{held}"
        )
    return "\n".join(lines)
