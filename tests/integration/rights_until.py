"""Restricts a member for each request on stdin, in a process that dies after the side effect asked for.

A request is a JSON line: home, step, and count (the step's how-manieth time). The answer is a line with how it ended.
"""

from dying import die_after, serve

NEIGHBOUR = "u100000003"


def restrict_until(home, step, count):
    from pipelines.journeys import build_marts, rights, rights_proof, suspension
    from pipelines.journeys.house import open_house
    from pipelines.settings import load_settings

    owners = {"enter_right": rights, "publish_warehouse": build_marts, "issue": rights_proof, "complete": rights_proof}
    house = open_house(load_settings({"TOKUMEI_HOME": home}))
    die_after(owners.get(step, suspension), {"complete": "move_rights"}.get(step, step), count)
    rights.file_right(house, "restrict", NEIGHBOUR, request_key="one", channel="console", requested_by="officer")


serve(restrict_until)
