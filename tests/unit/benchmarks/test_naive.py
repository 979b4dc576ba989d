"""The plain way of ingestion reads what the benchmark gives it."""

import json
import subprocess
import sys

import pytest

from pipelines.settings import REPOSITORY

COMBINED = '203.0.113.7 - - [22/Nov/2026:10:45:00 +0900] "GET /help HTTP/1.1" 200 51 "-" "Mozilla/5.0"\n'
REQUEST = {"remote_addr": "203.0.113.7", "request_method": "GET", "request_uri": "/", "status": 200}
JSON = json.dumps({"time": "2026-11-22T10:45:00+09:00"} | REQUEST) + "\n"


@pytest.mark.parametrize(("name", "line"), [("traffic.log", COMBINED), ("traffic.jsonl", JSON)])
def test_both_kinds_of_traffic_are_read_by_the_plain_way(tmp_path, name, line):
    (tmp_path / name).write_text(line * 3 + "torn\n")
    command = [sys.executable, "-m", "benchmarks.naive", str(tmp_path / name), "10"]
    subprocess.run(command, cwd=REPOSITORY, check=True, timeout=60)
