"""Who left, with all that is kept of them sealed: whom an audit looks for, and a search of restored tables."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from datetime import datetime

import polars as pl

from pipelines.contracts.derive import deletion_targets
from pipelines.contracts.model import Contract
from pipelines.control.kept_subjects import KeptSubject, list_kept
from pipelines.control.subjects import AccountFacts, read_suppression
from pipelines.deletion.closure import LINK_COLUMNS
from pipelines.deletion.known_devices import leave_out_shared
from pipelines.deletion.plan import subjects_of_table
from pipelines.deletion.request import Pseudonyms, Subject, extend_subject, unite_pseudonyms, unseal_subject
from pipelines.journeys.house import House
from pipelines.lake.layout import read_file, read_files
from pipelines.lake.rewrite import Subjects, TouchedFile, locate_subjects

DECIDED = AccountFacts(0, 0, None)  # what had to be waited for was, before the first deletion


def list_people(house: House) -> dict[str, tuple[KeptSubject, Subject]]:
    """Everything kept of each person, by their newest request: who asked twice is looked for once."""
    people: dict[tuple[bytes, ...], tuple[KeptSubject, Subject]] = {}
    for kept in list_kept(house.ledger):
        subject = replace(unseal_subject(kept, house.keyring), facts=DECIDED)
        person = tuple(sorted(subject.users["membership"]))
        if person in people:
            earlier = people[person][1]
            devices = unite_pseudonyms(subject.devices, earlier.devices)
            subject = replace(extend_subject(subject, earlier), devices=devices)
        people[person] = (kept, subject)
    return {kept.request_id: (kept, subject) for kept, subject in people.values()}


def list_departed(house: House, departed: Collection[bytes]) -> tuple[Subject, ...]:
    """These members with what is kept of them, and the devices that nobody has used since; of others the member alone.

    departed: their membership pseudonyms. A device counts as used since when a link joins it to anybody else, or a row
    is later than its last owner's leaving.
    """
    people = {name: each for name, (_, each) in list_people(house).items() if _is_one_of(each, departed)}
    unknown = set(departed).difference(value for each in people.values() for value in each.users["membership"])
    owned = {name: each.devices for name, each in people.items()}
    devices = leave_out_shared(owned, people, read_links(house), leaving=people.values())
    used = _find_used_since(house, people, devices)
    alone = (Subject(users={"membership": (value,)}) for value in sorted(unknown))
    return (
        *(replace(each, devices=_leave_out(devices.get(name, {}), used)) for name, each in people.items()),
        *alone,
    )


def read_links(house: House) -> Iterator[pl.DataFrame]:
    """Who used which device, file by file."""
    return read_files(house.lake, house.catalogue.get("lake", "identity_links"), LINK_COLUMNS)


def list_tables(house: House) -> Iterator[Contract]:
    """The lake tables that deletions take rows out of."""
    for target in deletion_targets(house.catalogue):
        if (target.layer, target.strategy) == ("lake", "delete"):
            yield house.catalogue.get("lake", target.table)


def select_devices(subjects: Mapping[str, Subject], devices: Mapping[str, Pseudonyms]) -> dict[str, Subject]:
    """The same subjects as nothing but these devices."""
    return {
        name: Subject(users=dict.fromkeys(each.users, ()), devices=devices.get(name, {}))
        for name, each in subjects.items()
    }


def list_handovers(house: House, subjects: Mapping[str, Subject]) -> dict[str, datetime]:
    """Until when the devices of each were theirs."""
    until = dict(read_suppression(house.ledger).devices.iter_rows())
    return find_bounds({name: each.devices.get("membership", ()) for name, each in subjects.items()}, until)


def find_bounds(pseudonyms: Mapping[str, tuple[bytes, ...]], until: Mapping[bytes, datetime]) -> dict[str, datetime]:
    """The last of each one's moments, for those who have any."""
    known = {name: [until[value] for value in values if value in until] for name, values in pseudonyms.items()}
    return {name: max(moments) for name, moments in known.items() if moments}


def _is_one_of(subject: Subject, departed: Collection[bytes]) -> bool:
    return any(value in departed for value in subject.users["membership"])


def _leave_out(devices: Pseudonyms, used: Collection[bytes]) -> dict[str, tuple[bytes, ...]]:
    return {purpose: tuple(value for value in values if value not in used) for purpose, values in devices.items()}


def _find_used_since(
    house: House, people: Mapping[str, Subject], devices: Mapping[str, Pseudonyms]
) -> frozenset[bytes]:
    """Those of their devices that are in rows from after their leaving; links, which have no time, were judged."""
    subjects, bounds, used = select_devices(people, devices), list_handovers(house, people), set[bytes]()
    for contract in list_tables(house) if any(devices.values()) else ():
        if "event_at" not in {column.name for column in contract.columns}:
            continue
        wanted = subjects_of_table(house.catalogue, contract.name, subjects)
        for touched in locate_subjects(house.lake, contract, wanted):
            for name in touched.hits.keys() & bounds.keys():
                used |= _list_later(house, contract, touched, wanted[name], bounds[name])
    return frozenset(used)


def _list_later(
    house: House, contract: Contract, touched: TouchedFile, wanted: Subjects, bound: datetime
) -> set[bytes]:
    rows = read_file(house.lake, contract, touched.file.path, [*wanted, "event_at"])
    later = rows.filter(pl.col("event_at") > bound)
    return {value for name, values in wanted.items() for value in set(values).intersection(later[name].to_list())}
