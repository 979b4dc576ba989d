"""Each user agent of the golden file is reduced to what the file says, and to nothing else."""

from pathlib import Path

import polars as pl
import pytest
import yaml

from anonymization.client_hints import HINTS, reduce_agents
from anonymization.distinct import Rows
from pipelines.contracts.model import load_catalogue
from pipelines.ingestion.enrich import read_vocabulary

CASES = [
    pytest.param(case["agent"], case.get("hints", {}), case["reduced"], id=f"{section}-{number}")
    for section, cases in yaml.safe_load(Path(__file__).with_name("user_agents.yaml").read_text()).items()
    for number, case in enumerate(cases)
]
ACCESS = load_catalogue(Path(__file__).parents[2] / "data_contracts").get("sources", "access")


def describe(row: dict[str, object]) -> dict[str, object]:
    """A reduced agent as the golden file writes it: `Chrome 152` for a family and its major version."""
    parts = {
        name: row[f"{name}_family"]
        if row[f"{name}_major"] is None
        else f"{row[f'{name}_family']} {row[f'{name}_major']}"
        for name in ("browser", "os")
    }
    bot = {} if row["bot_family"] is None else {"bot": row["bot_family"]}
    return {**parts, "device": row["device_class"], **bot}


@pytest.mark.parametrize(("agent", "hints", "reduced"), CASES)
def test_agent_is_reduced_as_the_golden_file_says(agent: str, hints: dict[str, str], reduced: dict[str, object]):
    rows = Rows(pl.DataFrame({"user_agent": [agent], **{name: [hints.get(name)] for name in HINTS}}))
    found = reduce_agents(rows, rows.frame.columns, read_vocabulary(ACCESS).bots)

    assert [describe(row) for row in found.to_dicts()] == [reduced]


def test_golden_file_has_agents_of_every_kind_of_device():
    devices = {case.values[2]["device"] for case in CASES}

    assert devices == {"desktop", "mobile", "tablet", "feature_phone", "bot", "unknown"}
