"""From a member to what was theirs alone: devices nobody else used are taken whole, shared ones only in their rows."""

from __future__ import annotations

from dataclasses import dataclass, replace

import polars as pl

from pipelines.deletion.request import Subject


@dataclass(frozen=True, slots=True)
class Closure:
    """A subject with their own devices, and how many devices they shared with others."""

    subject: Subject
    own_device_count: int
    shared_device_count: int


def close_identity(subject: Subject, links: pl.DataFrame) -> Closure:
    """Follow identity_links (columns purpose, user_pseudonym, device_pseudonym) from a member to their devices."""
    used = links.filter(_is_user_of(subject)).select("purpose", "device_pseudonym").unique()
    users = links.join(used, on=["purpose", "device_pseudonym"]).with_columns(is_other=~_is_user_of(subject))
    sharing = users.group_by("purpose", "device_pseudonym").agg(pl.col("is_other").any()).sort("device_pseudonym")
    own = sharing.filter(~pl.col("is_other"))
    devices = {
        str(purpose): tuple(rows["device_pseudonym"].to_list())
        for (purpose,), rows in own.group_by("purpose", maintain_order=True)
    }
    usage = sharing.filter(pl.col("purpose") == "usage")
    return Closure(
        subject=replace(subject, devices=devices),
        own_device_count=usage.filter(~pl.col("is_other")).height,
        shared_device_count=usage.filter("is_other").height,
    )


def _is_user_of(subject: Subject) -> pl.Expr:
    """Rows of identity_links that are this member's; purposes never mix, since their keys differ."""
    pseudonyms = [value for values in subject.users.values() for value in values]
    return pl.col("user_pseudonym").is_in(pseudonyms)
