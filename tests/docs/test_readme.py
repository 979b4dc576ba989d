"""What the README names exists: commands, targets, settings, tables, reasons, treatments, tests."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import typer.main

from anonymization.columns import TREATMENTS
from pipelines.cli import app
from pipelines.contracts.model import load_catalogue
from pipelines.ingestion.reject import Reason
from pipelines.settings import REPOSITORY, setting_names

README = (REPOSITORY / "README.md").read_text()
CONSOLE = "\n".join(re.findall(r"```console\n(.*?)```", README, re.DOTALL))
COMMANDS = sorted({line[2:].split("#")[0].strip() for line in CONSOLE.splitlines() if line.startswith("$ tokumei")})


@pytest.mark.parametrize("line", COMMANDS)
def test_every_documented_command_and_option_exists(line: str):
    command = typer.main.get_command(app)
    context = typer.Context(command)
    _, *words = shlex.split(line)
    while words and hasattr(command, "get_command") and (found := command.get_command(context, words[0])):
        command, words = found, words[1:]
    options = {name for parameter in command.params for name in parameter.opts}
    assert not hasattr(command, "commands"), f"{line}: no such command"
    assert {word for word in words if word.startswith("--")} <= options


def test_every_documented_make_target_exists_and_help_lists_the_fixed_ones():
    helped = subprocess.run(["make", "-C", REPOSITORY, "help"], check=True, capture_output=True, text=True).stdout
    targets = {line.split()[0] for line in helped.splitlines() if line.startswith("  ")}
    assert {"help", "demo", "test", "check", "up", "bench"} <= targets
    assert set(re.findall(r"`?make ([a-z-]+)", README)) <= targets


def test_every_setting_is_documented_and_no_other():
    assert set(re.findall(r"TOKUMEI_[A-Z_]+", README)) == set(setting_names())


def test_every_table_is_documented():
    catalogue = load_catalogue(REPOSITORY / "data_contracts")
    for contract in (*catalogue.layer("lake"), *catalogue.layer("marts")):
        assert f"`{contract.name}`" in README, contract.name


def test_every_reject_reason_and_treatment_is_documented():
    for name in [*Reason, *TREATMENTS]:
        assert f"`{name}`" in README, name


def test_reasons_are_the_same_in_the_readme_in_the_contract_and_in_the_code():
    listed = re.search(r"Reasons of rejected lines: (.*?)\.\n", README, re.DOTALL)
    contract = load_catalogue(REPOSITORY / "data_contracts").get("lake", "rejected_lines")
    (rule,) = contract.column("reason").quality
    assert listed
    assert re.findall("`([a-z0-9_]+)`", listed[1]) == [*Reason] == rule.arguments["validValues"]
    assert len(Reason) >= 12


def test_every_test_that_the_readme_points_to_exists():
    named = re.findall(r"`(tests/[\w/.]+)`", README)
    assert len(named) >= 8
    assert [name for name in named if not (REPOSITORY / name).exists()] == []


def test_nothing_in_the_repository_speaks_of_its_making_or_of_one_machine():
    tracked = subprocess.run(["git", "ls-files"], cwd=REPOSITORY, check=True, capture_output=True, text=True).stdout
    forbidden = re.compile(
        "|".join(["/" + "work/", "file" + ":///opt", "pythonhosted" + r"\.org", "py" + r"pi\.org/simple"])
    )
    for name in tracked.split():
        path = Path(REPOSITORY, name)
        if path.suffix in {".py", ".md", ".toml", ".lock", ".yaml", ".sql", ".txt", ""} and path.is_file():
            assert not forbidden.search(path.read_text(errors="replace")), name


def test_help_is_quick_because_nothing_heavy_is_imported():
    probe = (
        "import sys, pipelines.cli; print([m for m in ('polars', 'duckdb', 'presidio_analyzer') if m in sys.modules])"
    )
    loaded = subprocess.run([sys.executable, "-c", probe], check=True, capture_output=True, text=True).stdout
    assert loaded.strip() == "[]"
