"""Carries out a correction for each request on stdin, in a process that dies after the side effect asked for.

A request is a JSON line: home, step, count (the step's how-manieth time), request_id and user_id. The answer is a line
with how it ended.
"""

from dying import die_after, serve


def correct_until(home, step, count, request_id, user_id):
    from pipelines.deletion.request import identify_subject
    from pipelines.journeys import correct as journey
    from pipelines.journeys.house import open_house
    from pipelines.lake import append
    from pipelines.lake import correct as rewriting
    from pipelines.settings import load_settings

    owners = {
        "write_file": rewriting,
        "write_parts": rewriting,
        "commit_parts": rewriting,
        "commit_actions": rewriting,
        "_find_version": append,
    }
    house = open_house(load_settings({"TOKUMEI_HOME": home}))
    die_after(owners.get(step, journey), step, count)
    detail = {"attribute": "csat", "value": "1"}
    journey.correct_subject(house, request_id, identify_subject(user_id, house.keyring), detail)


serve(correct_until)
