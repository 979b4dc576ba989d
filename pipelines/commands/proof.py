"""Commands that prove: scan, verify certificates, examine the installation."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from pipelines.commands.output import JsonOption, print_record
from pipelines.settings import load_settings

app = typer.Typer()
certificate = typer.Typer(no_args_is_help=True, help="Deletion certificates.")


@app.command()
def scan(
    directories: Annotated[
        list[Path] | None, typer.Argument(help="Default: the home without landing and keys.")
    ] = None,
    *,
    identifiers: Annotated[Path, typer.Option(help="What to look for, one a line.")],
) -> None:
    """Search every byte for identifiers. Exits 1, with a list of places, on any hit."""
    from pipelines.proof.scan import read_identifiers
    from pipelines.proof.scan import scan as search

    settings = load_settings()
    excluded = [] if directories else [settings.landing, settings.keyring_file.parent]
    report = search(directories or [settings.home], read_identifiers(identifiers), excluded=excluded)
    for finding in report.findings:
        where = f"{finding.path} {finding.place} at {finding.byte_offset}"
        typer.echo(f"{where}: line {finding.identifier_index} as {finding.form}")
    for path in report.unreachable:
        typer.echo(f"tokumei: {path} could not be read", err=True)
    typer.echo(
        f"{report.finding_count} residual occurrences of {report.identifier_count} identifiers "
        f"in {report.byte_count} bytes of {report.file_count} files",
    )
    raise typer.Exit(0 if report.clean else 1)


@app.command()
def doctor() -> None:
    """Check the installation and say what is wrong. Exits 1 when something is."""
    from pipelines.journeys.doctor import examine

    findings = examine(load_settings())
    for finding in findings:
        typer.echo(f"{'ok  ' if finding.is_well else 'FAIL'} {finding.subject}: {finding.detail}")
    raise typer.Exit(0 if all(finding.is_well for finding in findings) else 1)


@certificate.command("verify")
def verify_certificates(
    files: Annotated[list[Path] | None, typer.Argument()] = None,
    *,
    all_: Annotated[bool, typer.Option("--all", help="Every certificate, and the chain that they form.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Check signature, fields and scope offline; with --all the chain too."""
    from pipelines.proof.certificate import verify, verify_all

    directory = load_settings().certificates
    if not files and not all_:
        raise typer.BadParameter("name certificate files, or give --all")
    verified = verify_all(directory) if all_ else verify(files or (), directory / "signing_keys.jwks")
    records = [
        {"file": item.path.name, "sequence": item.certificate.sequence, "final": item.certificate.final}
        for item in verified
    ]
    print_record(
        {"certificates": records}, as_json=as_json, draw=lambda found: _draw_certificates(found["certificates"])
    )


def _draw_certificates(records: Iterable[Mapping[str, Any]]) -> str:
    return "\n".join(f"{item['file']} verified, number {item['sequence']}, final: {item['final']}" for item in records)
