"""Surveys: how satisfied people say they are, and what they add in their own words."""

from __future__ import annotations

from pathlib import PurePosixPath

import numpy as np
import polars as pl

from pipelines.synthetic.batches import Batch, gather_identifiers, write_json_lines
from pipelines.synthetic.chance import Indices, Stream, choose, choose_labels
from pipelines.synthetic.clock import draw_times, write_iso_times
from pipelines.synthetic.comments import write_comments
from pipelines.synthetic.vocabulary import read_rows
from pipelines.synthetic.world import Day

_RESPONSE_SHARE = 0.20
_CHANNEL_SHARES = {"web": 45, "app": 35, "email": 20}
_SURVEY_SHARES = {"purchase-2026": 50, "relationship-2026": 25, "support-2026": 25}
_ASKED_IN = {
    "csat": ["purchase-2026", "support-2026"],
    "nps": ["purchase-2026", "relationship-2026"],
    "ces": ["purchase-2026", "support-2026"],
}


def write_survey_log(sessions: pl.DataFrame, day: Day) -> Batch:
    """The day's file: one in five of the people who came that day answers, some in words as well."""
    stream = day.open_stream("surveys")
    people = _choose_respondents(stream, sessions)
    comments = write_comments(stream, people)
    records = people.select(
        write_iso_times(people["time"], day.date),
        "user_id",
        choose_labels(stream, _SURVEY_SHARES, people.height).alias("survey_id"),
        choose_labels(stream, _CHANNEL_SHARES, people.height).alias("channel"),
        "segment",
        *(pl.Series(question, _draw_scores(stream, question, people["segment"])) for question in _ASKED_IN),
        comments["comment"],
        "language",
    )
    asked = [
        pl.when(pl.col("survey_id").is_in(surveys)).then(score).alias(score) for score, surveys in _ASKED_IN.items()
    ]
    return Batch(
        PurePosixPath(f"surveys/surveys-{day.date:%Y%m%d}.jsonl"),
        write_json_lines(records.with_columns(asked)),
        gather_identifiers([records["user_id"], comments["identifier"]]),
    )


def _choose_respondents(stream: Stream, sessions: pl.DataFrame) -> pl.DataFrame:
    """Distinct people with the `time` of their answer and the `language` of the form, in order of time."""
    people = sessions.unique("person", keep="first", maintain_order=True)
    people = people.filter(pl.Series(stream.random(people.height) < _RESPONSE_SHARE))
    return people.with_columns(
        pl.Series("time", draw_times(stream, people.height).astype(np.int64)),
        pl.col("segment").fill_null("buyer"),
        language=pl.when(pl.col("language") == "ja").then(pl.lit("ja")).otherwise(pl.lit("en")),
    ).sort("time", maintain_order=True)


def _draw_scores(stream: Stream, question: str, segments: pl.Series) -> Indices:
    """Buyers are content, sellers mind the fees, and those who do both know their way."""
    scores = np.zeros(len(segments), dtype=np.int64)
    for asked, segment, lowest, weights in read_rows("survey_scores.tsv"):
        if asked == question:
            here = (segments == segment).to_numpy()
            scores[here] = int(lowest) + choose(stream, [float(weight) for weight in weights.split()], int(here.sum()))
    return scores
