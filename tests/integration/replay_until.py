"""Replays the quarantine once for each request on stdin, in a process that dies after the side effect asked for.

A request is a JSON line: home, contracts, step and count (the step's how-manieth time). The answer tells how it ended.
"""

from dying import die_after, serve


def replay_until(home, contracts, step, count):
    from pipelines.ingestion.staging import TableStage
    from pipelines.journeys import replay
    from pipelines.journeys.house import open_house
    from pipelines.settings import load_settings

    house = open_house(load_settings({"TOKUMEI_HOME": home, "TOKUMEI_CONTRACTS": contracts}))
    die_after({"write": TableStage, "commit": TableStage}.get(step, replay), step, count)
    replay.replay_rejected(house)


serve(replay_until)
