"""What a command costs includes what it starts, and what it leaves running.

Measured from a process apart, since measuring waits for every child that there is.
"""

import json
import subprocess
import sys

import pytest

MEASURE = """
import dataclasses, json, sys
from benchmarks.usage import measure
print(json.dumps(dataclasses.asdict(measure(sys.argv[1:]))))
"""
BURN = "import time\nwhile time.process_time() < 0.3: pass"
HOLD = "import time; held = b'x' * 60_000_000; time.sleep(1.5)"


def measure(*command: str) -> dict[str, float]:
    done = subprocess.run([sys.executable, "-c", MEASURE, *command], capture_output=True, check=True)
    return json.loads(done.stdout)


@pytest.mark.parametrize("script", ['exec "$0" -c "$1"', '"$0" -c "$1"; true', '("$0" -c "$1" &)'])
def test_seconds_of_a_command_its_children_and_its_orphans_are_counted(script):
    assert 0.3 <= measure("sh", "-c", script, sys.executable, BURN)["cpu"] < 3


def test_memory_of_the_whole_tree_is_added_up():
    assert measure("sh", "-c", '"$0" -c "$1" & "$0" -c "$1"; wait', sys.executable, HOLD)["peak_mib"] > 110


def test_failed_command_is_no_measurement():
    with pytest.raises(subprocess.CalledProcessError):
        measure("false")
