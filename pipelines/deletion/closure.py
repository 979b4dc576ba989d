"""From members to what was theirs alone: devices that nobody who stays has used go whole, others in their rows only.

Each key's pseudonyms are judged by themselves, for nothing that is stored joins those of one key to those of another.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import polars as pl

from pipelines.deletion.request import Pseudonyms, Subject

LINK_COLUMNS = ("purpose", "user_pseudonym", "device_pseudonym")
MEMBER, DEVICE = ["purpose", "user_pseudonym"], ["purpose", "device_pseudonym"]
COUNTED_PURPOSE = "membership"  # its key never rotates, so that a device has one pseudonym under it


@dataclass(frozen=True, slots=True)
class Closure:
    """A subject with the devices that go with them, and how many of those that they used were decided how.

    own: nobody else used it. joint: others did, and all of them leave. Of these every row goes. shared: somebody who
    stays used it, so that only the subject's rows go. other_request_count: further requests of this person in the plan.
    """

    subject: Subject
    own_device_count: int = 0
    joint_device_count: int = 0
    shared_device_count: int = 0
    other_request_count: int = 0


def close_identities(
    subjects: Mapping[str, Subject], links: pl.DataFrame, leaving: Sequence[Subject] = ()
) -> dict[str, Closure]:
    """Follow identity_links (LINK_COLUMNS) from the members of one plan to their devices, until nothing is added.

    subjects: by request id. Requests that have a pseudonym in common are one person's, and each gets what any of them
    knows. Devices that a subject came with count as used, though the links to them may be gone, unless somebody who
    stays has them now. leaving: subjects whose deletion is under way, and who keep nobody's device from going whole.
    """
    everybody = [*subjects.values(), *leaving]
    people = _find_people(everybody)
    known = _list_known(everybody, people)
    linked = links.select(LINK_COLUMNS).join(known, on=MEMBER, how="left").select("person", *DEVICE).unique()
    decided = _decide_devices(linked, _list_used(everybody, people))
    users = _gather_pseudonyms(known, "user_pseudonym")
    devices = _gather_pseudonyms(decided.filter(pl.col("decision") != "shared"), "device_pseudonym")
    decisions, requests = _count_decisions(decided), Counter(people[: len(subjects)])
    return {
        request_id: Closure(
            replace(subject, users=_add_users(subject.users, users.get(person, {})), devices=devices.get(person, {})),
            own_device_count=decisions[person, "own"],
            joint_device_count=decisions[person, "joint"],
            shared_device_count=decisions[person, "shared"],
            other_request_count=requests[person] - 1,
        )
        for (request_id, subject), person in zip(subjects.items(), people, strict=False)
    }


def gather_links(read: Callable[[], Iterable[pl.DataFrame]], subjects: Iterable[Subject]) -> pl.DataFrame:
    """The links of every device that the subjects used, each once.

    read: gives the frames of identity_links (LINK_COLUMNS), and is called twice, so that memory holds one at a time.
    """
    everybody = list(subjects)
    numbers = range(len(everybody))
    linked = _gather(read(), _list_known(everybody, numbers), MEMBER)
    used = pl.concat([linked.select(DEVICE), _list_used(everybody, numbers).select(DEVICE)]).unique()
    return _gather(read(), used, DEVICE)


def _gather(frames: Iterable[pl.DataFrame], wanted: pl.DataFrame, key: list[str]) -> pl.DataFrame:
    empty = pl.DataFrame(schema=dict.fromkeys(LINK_COLUMNS, pl.Binary()) | {"purpose": pl.String()})
    found = (rows.select(LINK_COLUMNS).join(wanted, on=key, how="semi").unique() for rows in frames)
    return pl.concat([empty, *found]).unique()


def _find_people(subjects: Sequence[Subject]) -> list[int]:
    """For each subject the number of the first one that is the same person."""
    people = list(range(len(subjects)))

    def find(number: int) -> int:
        while people[number] != number:
            people[number] = number = people[people[number]]
        return number

    known: dict[tuple[str, bytes], int] = {}
    for number, subject in enumerate(subjects):
        for purpose, values in subject.users.items():
            for value in values:
                one, other = sorted((find(number), find(known.setdefault((purpose, value), number))))
                people[other] = one
    return [find(number) for number in people]


def _list_known(subjects: Sequence[Subject], people: Sequence[int]) -> pl.DataFrame:
    return _list_pseudonyms("user_pseudonym", [subject.users for subject in subjects], people)


def _list_used(subjects: Sequence[Subject], people: Sequence[int]) -> pl.DataFrame:
    return _list_pseudonyms("device_pseudonym", [subject.devices for subject in subjects], people)


def _list_pseudonyms(column: str, pseudonyms: Iterable[Pseudonyms], people: Iterable[int]) -> pl.DataFrame:
    """Columns person, purpose, and the one that is named, each row once."""
    rows = [
        (person, purpose, value)
        for by_purpose, person in zip(pseudonyms, people, strict=True)
        for purpose, values in by_purpose.items()
        for value in values
    ]
    schema = {"person": pl.Int64, "purpose": pl.String, column: pl.Binary}
    return pl.DataFrame(rows, schema=schema, orient="row").unique()


def _decide_devices(linked: pl.DataFrame, recalled: pl.DataFrame) -> pl.DataFrame:
    """Columns person, purpose, device_pseudonym, decision: one row for each device that a person used.

    linked, recalled: the first three of these by the links, and by what subjects came with; a null person stays.
    """
    decision = (
        pl.when("somebody_stays")
        .then(pl.lit("shared"))
        .when(pl.col("leaver_count") > 1)
        .then(pl.lit("joint"))
        .otherwise(pl.lit("own"))
    )
    used, person = pl.concat([linked, recalled]).unique(), pl.col("person")
    devices = used.group_by(DEVICE).agg(leaver_count=person.count(), somebody_stays=person.has_nulls())
    decided = used.drop_nulls("person").join(devices, on=DEVICE).select("person", *DEVICE, decision=decision)
    # What somebody else has had since, and the subject has no row on, is no device of theirs at all any more.
    handed_on = decided.filter(pl.col("decision") == "shared").join(linked, on=linked.columns, how="anti")
    return decided.join(handed_on, on=decided.columns, how="anti")


def _gather_pseudonyms(rows: pl.DataFrame, column: str) -> dict[int, Pseudonyms]:
    """Each person's pseudonyms in one column by purpose, in order."""
    gathered: dict[int, dict[str, tuple[bytes, ...]]] = {}
    grouped = rows.group_by("person", "purpose").agg(pl.col(column).unique().sort()).sort("person", "purpose")
    for person, purpose, values in grouped.iter_rows():
        gathered.setdefault(person, {})[purpose] = tuple(values)
    return dict(gathered)


def _count_decisions(decided: pl.DataFrame) -> Counter[tuple[int, str]]:
    counted = decided.filter(pl.col("purpose") == COUNTED_PURPOSE).group_by("person", "decision").len()
    return Counter({(person, decision): count for person, decision, count in counted.iter_rows()})


def _add_users(known: Pseudonyms, persons: Pseudonyms) -> dict[str, tuple[bytes, ...]]:
    """The person's pseudonyms by purpose, those that the request knew itself first."""
    purposes = dict.fromkeys((*known, *persons))
    return {name: tuple(dict.fromkeys((*known.get(name, ()), *persons.get(name, ())))) for name in purposes}
