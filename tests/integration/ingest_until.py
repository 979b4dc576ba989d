"""Runs ingest once for each request on stdin, in a process of its own that dies right after the side effect asked for.

A request is a JSON line: home, step and count (the step's how-manieth time). The answer is a line with how it ended.
"""

from pathlib import Path

from dying import die_after, serve


def ingest_until(home, step, count):
    from pipelines.ingestion.staging import TableStage
    from pipelines.journeys import ingest as journey
    from pipelines.journeys.house import open_house
    from pipelines.settings import load_settings

    owners = {"write": TableStage, "commit": TableStage, "unlink": Path}
    house = open_house(load_settings({"TOKUMEI_HOME": home}))
    die_after(owners.get(step, journey), step, count)
    journey.ingest(house, journey.find_files(house))


serve(ingest_until)
