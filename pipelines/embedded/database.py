"""Airflow's metadata database, made or upgraded before any component starts."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Mapping
from contextlib import closing
from importlib.metadata import version
from pathlib import Path

from pipelines.embedded.failures import ComponentExitedError
from pipelines.embedded.processes import open_log
from pipelines.settings import REPOSITORY

POOLS = REPOSITORY / "dags" / "pools.json"  # as `airflow pools import` takes it

_BOOTSTRAP = """
import json, sys
from airflow.utils import db
db.initdb()
from airflow.models.pool import Pool
for name, pool in json.loads(sys.argv[1]).items():
    Pool.create_or_update_pool(name, pool["slots"], pool["description"], pool["include_deferred"])
"""


def prepare_database(home: Path, environment: Mapping[str, str], log: Path) -> None:
    """Create or upgrade the database, and the pools; at once when that is done already.

    Airflow's own check takes as long as the work, so what was made by which version is remembered beside the database.
    """
    stamp = home / "airflow.db.json"
    if stamp.exists() and json.loads(stamp.read_text(encoding="utf-8")) == _current_stamp(home):
        return
    _run_bootstrap(environment, log)
    stamp.touch(mode=0o600)
    stamp.write_text(json.dumps(_current_stamp(home)), encoding="utf-8")


def _run_bootstrap(environment: Mapping[str, str], log: Path) -> None:
    output = open_log(log)
    try:
        finished = subprocess.run(
            [sys.executable, "-c", _BOOTSTRAP, POOLS.read_text(encoding="utf-8")],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            umask=0o077,
            check=False,
        )
    finally:
        os.close(output)
    if finished.returncode:
        raise ComponentExitedError(
            f"Airflow's metadata database could not be prepared (exit code {finished.returncode})",
            hint=f"read {log}",
        )


def _current_stamp(home: Path) -> dict[str, str | None]:
    return {
        "airflow": version("apache-airflow-core"),
        "revision": _read_revision(home / "airflow.db"),
        "pools": POOLS.read_text(encoding="utf-8"),
    }


def _read_revision(database: Path) -> str | None:
    if not database.exists():
        return None
    try:
        with closing(sqlite3.connect(database)) as connection:
            row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    except sqlite3.Error:  # half made, or not a database: Airflow's own code then says what is wrong
        return None
    return str(row[0]) if row else None
