"""Carries out an approved deletion for each request on stdin, in a process that dies after the side effect asked for.

A request is a JSON line: home, step, and count (the step's how-manieth time). The answer is a line with how it ended.
"""

from dying import die_after, serve


def delete_until(home, step, count):
    import deltalake

    from pipelines.journeys import build_marts, certify, delete, held_rows
    from pipelines.journeys.house import open_house
    from pipelines.lake import purge, rewrite
    from pipelines.proof import certificate
    from pipelines.settings import load_settings

    owners = {
        "write_file": rewrite,
        "commit_actions": rewrite,
        "build_warehouse": build_marts,
        "publish_warehouse": build_marts,
        "mark_built": build_marts,
        "vacuum": deltalake.DeltaTable,
        "create_checkpoint": deltalake.DeltaTable,
        "cleanup_metadata": deltalake.DeltaTable,
        "_sweep_orphans": purge,
        "note": certificate,
        "write_atomically": certificate,
        "write_report": certify,
        "issue": certify,
        "complete": certify,
        "hold": held_rows,
    }
    house = open_house(load_settings({"TOKUMEI_HOME": home}))
    die_after(owners.get(step, delete), {"complete": "move_requests", "hold": "move_requests"}.get(step, step), count)
    [digest] = delete.find_open_plans(house)
    delete.run_plan(house, digest)
    certify.certify_deletions(house, digest)


serve(delete_until)
