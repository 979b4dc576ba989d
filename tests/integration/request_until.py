"""Takes the requests in landing up to an approved plan, in a process that dies after the side effect asked for.

A request is a JSON line: home, step, and count (the step's how-manieth time). The answer is a line with how it ended.
"""

from dying import die_everywhere_after, serve


def request_until(home, step, count):
    from pipelines.control import deliveries, requests, subjects
    from pipelines.journeys import decide, delete
    from pipelines.journeys.house import open_house
    from pipelines.settings import load_settings

    owners = {"record_delivery": deliveries, "settle_file": deliveries, "raise_tombstones": subjects}
    house = open_house(load_settings({"TOKUMEI_HOME": home}))
    die_everywhere_after(owners.get(step, requests), step, count)
    delete.accept_landed(house)
    decide.decide_requests(house)
    planned = delete.plan_deletions(house)
    delete.approve_plan(house, planned.digest, approved_by="compliance-officer")


serve(request_until)
