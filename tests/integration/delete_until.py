"""Carries out an approved deletion for each request on stdin, in a process that dies after the side effect asked for.

A request is a JSON line: home, step, and count (the step's how-manieth time). The answer is a line with how it ended.
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


def delete_until(home, step, count):
    import deltalake

    from pipelines.journeys import build_marts, certify, delete
    from pipelines.journeys.house import open_house
    from pipelines.lake import purge, rewrite
    from pipelines.proof import certificate
    from pipelines.settings import load_settings

    owners = {
        "write_file": rewrite,
        "commit_actions": rewrite,
        "build_warehouse": build_marts,
        "publish_warehouse": build_marts,
        "vacuum": deltalake.DeltaTable,
        "create_checkpoint": deltalake.DeltaTable,
        "cleanup_metadata": deltalake.DeltaTable,
        "_sweep_orphans": purge,
        "write_atomically": certificate,
        "issue": certify,
        "complete": certify,
    }
    house = open_house(load_settings({"TOKUMEI_HOME": home}))
    die_after(owners.get(step, delete), {"complete": "move_requests"}.get(step, step), count)
    [digest] = delete.find_open_plans(house)
    delete.run_plan(house, digest)
    certify.certify_deletions(house, digest)


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
            delete_until(**json.loads(line))
        finally:
            os._exit(0)
    _, status = os.waitpid(child, 0)
    sys.stdout.write("killed\n" if os.WIFSIGNALED(status) else "lived\n")
    sys.stdout.flush()
