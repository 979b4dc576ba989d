"""Commands that carry data: generate, ingest, build marts, query."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Literal

import typer

from pipelines.settings import load_settings

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
def ingest(paths: Annotated[list[Path] | None, typer.Argument(help="Files in landing; default: all.")] = None) -> None:
    """Take in what waits in landing. Exits 1 when a file had to be held, after taking in all others."""
    from pipelines.journeys.house import open_house
    from pipelines.journeys.ingest import find_files, name_files
    from pipelines.journeys.ingest import ingest as take_in

    house = open_house(load_settings())
    deliveries = take_in(house, name_files(house, paths) if paths else find_files(house))
    for delivery in deliveries:
        name, counts = f"{delivery.source}/{delivery.file_name}", delivery.counts
        if delivery.state == "held":
            typer.echo(f"tokumei: {name} is held: {delivery.reason}", err=True)
            continue
        typer.echo(
            f"{name} {delivery.state}: {counts.read} read = {counts.accepted} accepted + {counts.rejected} rejected "
            f"+ {counts.duplicate} duplicate + {counts.suppressed} suppressed",
        )
    if not deliveries:
        typer.echo("landing is empty")
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

    house = open_house(load_settings())
    if first or last:
        published = rebuild_marts(house, first and first.date(), last and last.date())
        typer.echo(f"{len(published.event_dates)} dates rebuilt")
    else:
        published = build_marts(house)
    for table, rows in published.tables.items():
        typer.echo(f"marts.{table}: {rows} rows")


@app.command()
def query(
    sql: str,
    *,
    format: Annotated[Literal["table", "csv", "json"], typer.Option()] = "table",  # noqa: A002 - the option's name
) -> None:
    """Read-only SQL on the published warehouse."""
    from pipelines.warehouse.query import run_query

    typer.echo(run_query(load_settings().warehouse_file, sql, format=format))


@app.command()
def retain() -> None:
    """Remove what the contracts let us hold no longer."""
    from pipelines.journeys.house import open_house
    from pipelines.journeys.retain import retain as expire

    for expiry in expire(open_house(load_settings())):
        typer.echo(f"{expiry.table}: {expiry.row_count} rows in {expiry.file_count} files expired")
