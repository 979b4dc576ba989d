"""Decides requests for each request on stdin, in a process that dies after the side effect asked for.

A request is a JSON line: home, step, and count (the step's how-manieth time). The answer is a line with how it ended.
"""

from dying import die_after, serve


def decide_until(home, step, count):
    from pipelines.journeys import decide
    from pipelines.journeys.house import open_house
    from pipelines.settings import load_settings

    house = open_house(load_settings({"TOKUMEI_HOME": home}))
    die_after(decide, step, count)
    decide.decide_requests(house)


serve(decide_until)
