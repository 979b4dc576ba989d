"""Replays the quarantine once for each request on stdin, in a process that dies after the side effect asked for.

A request is a JSON line: home, contracts, step and count (the step's how-manieth time). The answer tells how it ended.
Great Expectations takes seconds to import, so it is imported once here; Polars is not, for its threads outlive no fork.
"""

import json
import os
import signal
import sys
import warnings

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import great_expectations  # noqa: F401


def replay_until(home, contracts, step, count):
    from pipelines.ingestion.staging import TableStage
    from pipelines.journeys import replay
    from pipelines.journeys.house import open_house
    from pipelines.settings import load_settings

    house = open_house(load_settings({"TOKUMEI_HOME": home, "TOKUMEI_CONTRACTS": contracts}))
    die_after({"write": TableStage, "commit": TableStage}.get(step, replay), step, count)
    replay.replay_rejected(house)


def die_after(owner, name, count):
    """Let a function do its work, and have the process killed before it can say so."""
    work, calls = getattr(owner, name), []

    def work_and_die(*arguments, **options):
        result = work(*arguments, **options)
        calls.append(1)
        if len(calls) == count:
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    setattr(owner, name, work_and_die)


for line in sys.stdin:
    child = os.fork()
    if child == 0:
        try:
            replay_until(**json.loads(line))
        finally:
            os._exit(0)
    _, status = os.waitpid(child, 0)
    sys.stdout.write("killed\n" if os.WIFSIGNALED(status) else "lived\n")
    sys.stdout.flush()
