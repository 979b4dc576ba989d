"""Which treatments a column of each layer may have, and which options each of them takes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from pipelines.contracts.shapes import (
    ANCHORED_PATTERN,
    NAMES,
    POWER_OF_TWO,
    TEXT,
    TEXT_OR_WHOLE_NUMBER,
    VALUES,
    Shape,
    one_of,
)

Options = Mapping[str, Shape]

USER_AGENT_PARTS = ("browser_family", "browser_major", "os_family", "os_major", "device_class", "bot_family")
VERBATIM_TREATMENTS: Mapping[str, Options] = {
    "keep": {},
    "keep_listed": {"values": VALUES, "otherwise": TEXT_OR_WHOLE_NUMBER},
    "keep_pattern": {"pattern": ANCHORED_PATTERN},
    "keep_major": {},
}
LAKE_TREATMENTS: Mapping[str, Options] = {
    **VERBATIM_TREATMENTS,
    "derive": {},
    "encrypt_address": {},
    "encrypt_address_prefix": {},
    "keep_parameter": {"name": TEXT},
    "locate_country": {},
    "pseudonymise": {"domain": one_of("user", "device", "address", "event")},
    "pseudonymise_network": {},
    "pseudonymise_visitor": {},
    "reduce_language": {},
    "reduce_referrer": {"part": one_of("channel", "source", "route")},
    "reduce_user_agent": {"part": one_of(*USER_AGENT_PARTS)},
    "scrub": {"entities": NAMES},
    "sketch_people": {"buckets": POWER_OF_TWO},
    "tell_datacentre": {},
    "template_url": {"part": one_of("route", "group")},
}
# What a treatment may say but need not.
OPTIONAL: Mapping[str, Options] = {
    "scrub": {"withoutNames": one_of("keep", "redact")},  # where no model finds the names that it expects; or redact
}
TREATMENTS: Mapping[str, Mapping[str, Options]] = {
    "sources": {"transform": {}, "drop": {}},
    "lake": LAKE_TREATMENTS,
    "marts": {"aggregate": {}},
    "published": {"aggregate": {}},
}


def check_treatment(treatment: object, layer: str) -> Iterator[str]:
    """What is wrong with the treatment of one column; None is none."""
    if treatment is None:
        yield "has no treatment"
    elif not isinstance(treatment, Mapping):
        yield "treatment must be a mapping with a kind"
    elif "kind" not in treatment:
        yield "has no treatment"
    elif not one_of(*TREATMENTS[layer]).fits(treatment["kind"]):
        yield f"treatment must be {one_of(*TREATMENTS[layer]).words}"
    else:
        kind = str(treatment["kind"])
        given = {name: value for name, value in treatment.items() if name != "kind"}
        yield from _check_options(kind, given, TREATMENTS[layer][kind], OPTIONAL.get(kind, {}))


def _check_options(kind: str, given: Mapping[str, object], required: Options, optional: Options) -> Iterator[str]:
    taken = {**required, **optional}
    yield from (f"treatment {kind} takes no {name}" for name in given if name not in taken)
    yield from (f"treatment {kind} lacks {name}" for name in required if name not in given)
    for name, shape in taken.items():
        if name in given and not shape.fits(given[name]):
            yield f"treatment {kind}: {name} must be {shape.words}"
