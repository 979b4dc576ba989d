"""Who runs in the benchmark of ingestion: ourselves, others that do similar work, and those that only read."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from benchmarks.traffic import TOKUMEI, Traffic
from benchmarks.usage import Usage, measure

OURS_COMBINED, OURS_JSON = "tokumei ingest, combined", "tokumei ingest, JSON lines"
HOMES = {OURS_COMBINED: "home_combined", OURS_JSON: "home_json_lines"}
PACKERS = ("gzip", "zstd")
SAMPLE = 100_000
GOACCESS_JSON = (
    '{"time":"%dT%t+%^","remote_addr":"%h","user_id":"%^","device_id":"%^","request_method":"%m","request_uri":"%U",'
    '"status":"%s","body_bytes_sent":"%b","http_referer":"%R","http_user_agent":"%u","accept_language":"%^"}'
)


@dataclass(frozen=True, slots=True)
class Contender:
    """A way to read a file of a traffic. lines: how many of them it gets; its figures are scaled to all."""

    name: str
    run: Callable[[Traffic], Usage]
    lines: int | None = None


def list_contenders(directory: Path) -> tuple[Contender, ...]:
    """Everybody whose command is installed; directory: where they may write."""
    report = directory / "goaccess.json"
    found = [*list_ours(directory)]
    if shutil.which("goaccess"):
        found.append(Contender("GoAccess, combined", lambda traffic: run_goaccess(traffic.combined, report)))
        found.append(Contender("GoAccess, JSON lines", lambda traffic: run_goaccess(traffic.json_lines, report)))
    found.append(Contender("per-line Python, combined, scaled", lambda traffic: run_naive(traffic.combined), SAMPLE))
    found.append(
        Contender("per-line Python, JSON lines, scaled", lambda traffic: run_naive(traffic.json_lines), SAMPLE)
    )
    found.append(Contender("`wc -l`, combined", lambda traffic: measure(["wc", "-l", traffic.combined])))
    found += [Contender(f"`{tool} -dc`, combined", partial(unpack, tool)) for tool in PACKERS if shutil.which(tool)]
    return tuple(found)


def list_ours(directory: Path) -> tuple[Contender, ...]:
    """Ourselves in both formats; what the last run of each stored stays in one of HOMES."""
    return (
        Contender(OURS_COMBINED, lambda traffic: ingest(directory / HOMES[OURS_COMBINED], traffic.combined)),
        Contender(OURS_JSON, lambda traffic: ingest(directory / HOMES[OURS_JSON], traffic.json_lines)),
    )


def ingest(home: Path, source: Path) -> Usage:
    """One ingest of one file into a fresh home, from the start of the command to its end."""
    shutil.rmtree(home, ignore_errors=True)
    variables = {"TOKUMEI_HOME": str(home)}
    measure([TOKUMEI, "keys", "init"], variables)
    shutil.copy(source, home / "landing" / "access" / source.name)
    return measure([TOKUMEI, "ingest"], variables)


def run_goaccess(source: Path, report: Path) -> Usage:
    """GoAccess with its default panels, addresses anonymised, to a JSON report."""
    form: Sequence[str] = ("--log-format=COMBINED",)
    if source.suffix == ".jsonl":
        form = (f"--log-format={GOACCESS_JSON}", "--date-format=%Y-%m-%d", "--time-format=%H:%M:%S")
    options = ("--anonymize-ip", "--no-global-config", "--no-progress", "-o", report)
    return measure(["goaccess", source, *form, *options])


def run_naive(source: Path) -> Usage:
    """Our naive reader in a process of its own, on the first lines only."""
    return measure([sys.executable, "-m", "benchmarks.naive", source, str(SAMPLE)])


def unpack(tool: str, traffic: Traffic) -> Usage:
    """A decompressor on the combined lines, which it compressed itself before, once, at its default level."""
    packed = traffic.combined.with_suffix(f".{tool}")
    if not packed.exists():
        with packed.open("wb") as stream:
            subprocess.run([tool, "-c", traffic.combined], stdout=stream, check=True)
    return measure(["sh", "-c", f'{tool} -dc < "$0"', packed])
