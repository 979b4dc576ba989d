"""The facts of each contract on which privacy rests, and which change of a fact weakens it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from pipelines.contracts.lint import Violation
from pipelines.contracts.model import Catalogue, Column, Contract

Facts = Mapping[str, Any]
Groups = tuple[tuple[str, ...], ...]
Weakens = Callable[[Any, Any], bool]  # what a fact was, and what it is; None when the contract says nothing

# Each from what protects least to what protects most; of two in one group neither protects more than the other.
CLASSIFICATIONS = (("public",), ("internal",), ("confidential",), ("restricted",))
DELETION_STRATEGIES = (("exempt",), ("expire",), ("recompute",), ("delete",), ("empty",))
FORMS = (("raw",), ("sealed", "pseudonymised"), ("anonymised",))
TREATMENTS = (  # from what keeps most of a value to what keeps least
    ("keep", "derive", "transform"),
    ("encrypt_address_prefix",),
    ("encrypt_address",),
    ("pseudonymise",),
    ("pseudonymise_network", "pseudonymise_visitor"),
    ("scrub", "keep_parameter", "keep_pattern"),
    (
        "keep_listed",
        "keep_major",
        "locate_country",
        "reduce_language",
        "reduce_referrer",
        "reduce_user_agent",
        "tell_datacentre",
        "template_url",
    ),
    ("aggregate", "sketch_people"),
    ("drop",),
)
NEUTRAL_OPTIONS = frozenset({"otherwise"})  # a constant, which tells nothing of a value


def describe_privacy(catalogue: Catalogue) -> dict[str, dict[str, Any]]:
    """The facts of every contract by layer/name, as JSON holds them; what a contract does not state is left out."""
    return {f"{contract.layer}/{contract.name}": _describe_contract(contract) for contract in catalogue.contracts}


def _describe_contract(contract: Contract) -> dict[str, Any]:
    stated = contract.properties
    cells, quarantine = stated.get("cells") or {}, stated.get("quarantine") or {}
    return _stated(
        version=contract.version,
        form=contract.form,
        retentionDays=contract.retention_days,
        deletionStrategy=contract.deletion_strategy,
        subjectKeys=sorted(contract.subject_keys) or None,
        keyPurpose=stated.get("keyPurpose"),
        minimumPeople=stated.get("minimumPeople"),
        peopleColumn=stated.get("peopleColumn"),
        cellsWithin=sorted(cells["within"]) if cells else None,
        cellDimensions=sorted(cells["dimensions"]) if cells else None,
        quarantineDays=quarantine.get("days"),
        visitorKeyDays=stated.get("visitorKeyDays"),
        identifierPatterns=_list_patterns(stated) or None,
        parameters={item["name"]: item["pattern"] for item in stated.get("parameters", ())} or None,
        columns={column.name: _describe_column(column) for column in contract.columns},
    )


def _list_patterns(stated: Mapping[str, Any]) -> list[str]:
    return sorted(f"{item['entity']} {item['pattern']}" for item in stated.get("identifierPatterns", ()))


def _describe_column(column: Column) -> dict[str, Any]:
    return _stated(
        classification=column.classification,
        treatment=dict(column.treatment),
        origins=sorted(column.origins) or None,
        identifierKind=column.identifier_kind,
        roundTo=column.round_to,
        shareOf={"count": column.share_of.count, "whole": column.share_of.whole} if column.share_of else None,
    )


def _stated(**facts: Any) -> dict[str, Any]:  # noqa: ANN401 - whatever a contract may state
    return {name: value for name, value in facts.items() if value is not None}


def _sinks(order: Groups) -> Weakens:
    def weakens(was: str, now: str) -> bool:
        return was != now and _rank(order, now) <= _rank(order, was)

    return weakens


def _rank(order: Groups, name: str) -> int:
    """-1, the least, for what is in no order."""
    return next((rank for rank, names in enumerate(order) if name in names), -1)


def _grows(was: float | None, now: float | None) -> bool:
    return (now or 0) > (was or 0)


def _shrinks(was: float | None, now: float | None) -> bool:
    return (now or 0) < (was or 0)


def _lengthens(was: int | None, now: int | None) -> bool:
    """As of a limit whose absence is no limit."""
    return was is not None and (now is None or now > was)


def _changes(was: object, now: object) -> bool:
    return was is not None and now != was


def _loses(was: list[str] | None, now: list[str] | None) -> bool:
    return not set(was or ()) <= set(now or ())


def _alters(was: Mapping[str, str] | None, now: Mapping[str, str] | None) -> bool:
    """Another pattern may let more pass; a parameter that is listed no longer passes no more."""
    return any(name in (was or {}) and pattern != (was or {})[name] for name, pattern in (now or {}).items())


def _keeps_more(was: Mapping[str, Any], now: Mapping[str, Any]) -> bool:
    if was["kind"] != now["kind"]:
        return _rank(TREATMENTS, now["kind"]) <= _rank(TREATMENTS, was["kind"])
    names = (was.keys() | now.keys()) - NEUTRAL_OPTIONS
    return any(OPTIONS.get(name, _differs)(was.get(name), now.get(name)) for name in names)


def _differs(was: object, now: object) -> bool:
    return was != now


def _gains(was: list[Any] | None, now: list[Any] | None) -> bool:
    return not set(now or ()) <= set(was or ())


def _stops_redacting(was: str | None, now: str | None) -> bool:
    return now == "keep" != was


OPTIONS: Mapping[str, Weakens] = {
    "values": _gains,
    "buckets": _grows,
    "entities": _loses,
    "withoutNames": _stops_redacting,
}
CONTRACT_FACTS: Mapping[str, Weakens] = {
    "form": _sinks(FORMS),
    "retentionDays": _grows,
    "deletionStrategy": _sinks(DELETION_STRATEGIES),
    "subjectKeys": _loses,
    "keyPurpose": _changes,
    "minimumPeople": _shrinks,
    "peopleColumn": _changes,
    "cellsWithin": _loses,
    "cellDimensions": _loses,
    "quarantineDays": _grows,
    "visitorKeyDays": _lengthens,
    "identifierPatterns": _loses,
    "parameters": _alters,
}
COLUMN_FACTS: Mapping[str, Weakens] = {
    "classification": _sinks(CLASSIFICATIONS),
    "treatment": _keeps_more,
    "identifierKind": _changes,
    "roundTo": _shrinks,
    "shareOf": _changes,
}


def find_weakenings(before: Mapping[str, Facts], now: Mapping[str, Facts]) -> tuple[Violation, ...]:
    """Each fact by which a contract protects less than before, unless its major version is another, later one.

    before: of contracts that are there no longer too; what takes the place of one is compared with it.
    """
    return tuple(
        violation
        for name, facts in sorted(now.items())
        if (predecessor := _find_predecessor(name, facts, before, now))
        for violation in _compare(name, before[predecessor], facts)
    )


def _find_predecessor(name: str, facts: Facts, before: Mapping[str, Facts], now: Mapping[str, Facts]) -> str | None:
    """The contract itself as it was; for a new one, the gone one of its layer most of whose columns it has."""
    if name in before:
        return name
    layer = name.partition("/")[0]
    gone = [each for each in sorted(before.keys() - now.keys()) if each.partition("/")[0] == layer]
    return max((each for each in gone if _share(before[each], facts) > 0.5), default=None, key=_by_share(before, facts))


def _by_share(before: Mapping[str, Facts], facts: Facts) -> Callable[[str], float]:
    return lambda name: _share(before[name], facts)


def _share(gone: Facts, new: Facts) -> float:
    """How much of a gone contract's columns a new one has, by name or by what they are made of."""
    origins = {origin for column in new["columns"].values() for origin in column.get("origins", ())}
    found = (
        name in new["columns"] or not origins.isdisjoint(column.get("origins", ()))
        for name, column in gone["columns"].items()
    )
    return sum(found) / len(gone["columns"])


def _compare(name: str, was: Facts, now: Facts) -> Iterator[Violation]:
    versions = _read_version(was["version"]), _read_version(now["version"])
    if versions[1] < versions[0]:
        yield _violation(name, "version", was["version"], now["version"], "a version never goes back")
    if versions[1][0] > versions[0][0]:
        return
    advice = f"this protects less: take it back, or make the version {versions[0][0] + 1}.0.0"
    for fact, weakens in CONTRACT_FACTS.items():
        if weakens(was.get(fact), now.get(fact)):
            yield _violation(name, fact, was.get(fact), now.get(fact), advice)
    for column, earlier in _pair_columns(was["columns"], now["columns"]):
        for fact, weakens in COLUMN_FACTS.items():
            before, after = earlier.get(fact), now["columns"][column].get(fact)
            if weakens(before, after):
                yield _violation(name, f"{column}/{fact}", before, after, advice)


def _pair_columns(was: Mapping[str, Facts], now: Mapping[str, Facts]) -> Iterator[tuple[str, Facts]]:
    """Each column with what it was; a new one with the gone one that was made of the same, for that is a new name."""
    gone = {name: facts for name, facts in was.items() if name not in now}
    for name, facts in now.items():
        if name in was:
            yield name, was[name]
        else:
            origins = set(facts.get("origins", ()))
            yield from ((name, each) for each in gone.values() if origins.intersection(each.get("origins", ())))


def _read_version(version: str) -> tuple[int, ...]:
    return tuple(map(int, version.split(".")))


def _violation(name: str, field: str, was: object, now: object, advice: str) -> Violation:
    return Violation(f"{name}.odcs.yaml", field, f"was {_show(was)}, is {_show(now)}; {advice}")


def _show(fact: object) -> str:
    return "nothing" if fact is None else str(fact)
