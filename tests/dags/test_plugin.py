"""Airflow finds the compliance desk in the installed distribution, and no component pays for it that never shows it."""

import subprocess
import sys

import pytest

HEAVY = ("polars", "duckdb", "great_expectations", "presidio_analyzer", "deltalake", "pandas", "pyarrow", "fastapi")
PROBE = """
import sys
from importlib.metadata import entry_points
import airflow.plugins_manager
before = {name for name in sys.argv[1:] if name in sys.modules}
[entry_point] = [each for each in entry_points(group="airflow.plugins") if each.name == "tokumei_privacy"]
entry_point.load()
print(*({name for name in sys.argv[1:] if name in sys.modules} - before))
"""
LISTED = """
from airflow import plugins_manager
[app] = [each for each in plugins_manager.get_fastapi_plugins()[0] if each["url_prefix"] == "/privacy"]
[view] = [each for each in plugins_manager._get_ui_plugins()[0] if each["url_route"] == "privacy"]
print(plugins_manager.get_import_errors(), app["name"], view["name"], view["destination"], view["href"])
"""

pytestmark = [pytest.mark.airflow, pytest.mark.filterwarnings("default")]


def run(program: str, *arguments: str) -> str:
    command = [sys.executable, "-c", program, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def test_plugin_that_every_component_loads_imports_nothing_heavy():
    assert run(PROBE, *HEAVY) == ""


def test_airflow_lists_the_pages_and_the_place_in_its_navigation(metadata_database: None):
    assert run(LISTED).splitlines()[-1] == "{} Privacy Privacy nav /privacy/"
