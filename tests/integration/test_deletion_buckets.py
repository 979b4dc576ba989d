"""A row that lies in another bucket than its pseudonym's is caught by the proof, and found by the run after it."""

import polars as pl
import pytest

from pipelines.errors import DeletionIncompleteError
from pipelines.journeys import certify
from pipelines.journeys.delete import accept_landed
from pipelines.lake.append import add_action, commit_actions, remove_action, write_file
from pipelines.lake.layout import live_files, open_table, read_file
from pipelines.lake.purge import purge_table


def move_astray(town, table):
    """Every file of a table into the bucket where its rows do not belong."""
    lake, contract = town.house.lake, town.house.catalogue.get("lake", table)
    opened, actions = open_table(lake, contract), []
    for file in live_files(opened):
        bucket = {"subject_bucket": str(1 - int(file.partition["subject_bucket"]))}
        rows = read_file(lake, contract, file.path)
        actions += [add_action(write_file(lake, table, {**file.partition, **bucket}, rows)), remove_action(file)]
    commit_actions(opened, actions, "astray")
    purge_table(lake, contract)


@pytest.mark.slow
def test_row_in_the_wrong_bucket_keeps_the_deletion_open_until_the_next_run_finds_it(town, monkeypatch):
    monkeypatch.setattr(certify, "RESCAN_SECONDS", 0.0)
    move_astray(town, "survey_responses")
    leaver, before = town.subject(town.leaver).users["satisfaction"], town.rows("survey_responses")
    accept_landed(town.house)
    digest = town.approve()
    with pytest.raises(DeletionIncompleteError, match="survey_responses"):
        town.finish(digest)
    assert town.rows("survey_responses").height == before.height
    first, _ = town.finish(digest)
    left = town.rows("survey_responses").filter(pl.col("user_pseudonym").is_in(leaver))
    assert (left.height, town.rows("survey_responses").height) == (0, before.height - 2)
    counted = {part.dataset: part.row_count for part in first.certificate.datasets}
    assert counted["lake.survey_responses"] == 1
