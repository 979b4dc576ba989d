"""Installations for tests, new ones with keys of their own."""

from pathlib import Path

from pipelines.journeys.house import House, open_house
from pipelines.journeys.keys import make_keys
from pipelines.settings import load_settings, prepare_home


def found_house(home: Path, **variables: object) -> House:
    """The house in a home, with further settings; what is missing there is made."""
    settings = load_settings({"TOKUMEI_HOME": str(home)} | {name: str(value) for name, value in variables.items()})
    prepare_home(settings)
    make_keys(settings)
    return open_house(settings)
