"""Raw rows to the rows of each lake table: identifiers end here, then what remains is enriched."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime

import polars as pl

from anonymization.columns import find_routes, treat_columns
from anonymization.country import FindCountry
from anonymization.datacentre import IsDatacentre
from anonymization.distinct import Rows
from anonymization.keyring import Key, Keyring
from anonymization.operators import pseudonymise
from anonymization.treatment import Context, Vocabulary
from anonymization.url import Parameter, Referrer, Route
from pipelines.contracts.derive import polars_schema, treatments
from pipelines.contracts.model import Contract

LINK_PURPOSES = ("usage", "security", "membership")
SENSITIVE_GROUPS = ("login", "signup", "bid", "payment", "account")


@dataclass(frozen=True, slots=True)
class Batch:
    """One source file's identity, and what treating it needs. file_id is no identifier: it names content.

    file_format: how the file is read. visitor_keys: those of the days in the chunk at hand whose passing visitors may
    still be told apart.
    """

    source: str
    file_id: str
    keyring: Keyring
    vocabulary: Vocabulary
    visitor_keys: Mapping[date, Key] = field(default_factory=dict, hash=False)
    file_format: str = ""
    find_country: FindCountry | None = None
    is_datacentre: IsDatacentre | None = None


def read_vocabulary(contract: Contract) -> Vocabulary:
    """What a source's contract declares may survive of its URLs, referrers and agents."""
    words = contract.properties
    return Vocabulary(
        routes=tuple(
            Route(item["pattern"], item["route"], item["group"], item["page"]) for item in words.get("routes", ())
        ),
        bots=tuple((item["pattern"], item["family"]) for item in words.get("bots", ())),
        referrers=tuple(
            Referrer(item["pattern"], item["channel"], item["source"]) for item in words.get("referrers", ())
        ),
        internal_hosts=tuple(words.get("internalHosts", ())),
        identifier_patterns=tuple((item["entity"], item["pattern"]) for item in words.get("identifierPatterns", ())),
        parameters=tuple(Parameter(item["name"], item["pattern"]) for item in words.get("parameters", ())),
    )


def build_rows(raw: pl.DataFrame | Rows, table: Contract, batch: Batch) -> pl.DataFrame:
    """The rows of one lake table that raw rows give, exactly in the table's schema.

    Given as Rows, what is made of them for one table serves the others.
    """
    selected = SELECTIONS.get(table.name, _keep_all)(raw if isinstance(raw, Rows) else Rows(raw), batch.vocabulary)
    rows = BUILDERS.get(table.name, _treat)(selected, table, batch)
    shown = add_bucket(rows, table).with_columns(_withhold_overlong(table))
    return shown.select(pl.col(name).cast(kind) for name, kind in polars_schema(table).items())


def _withhold_overlong(table: Contract) -> list[pl.Expr]:
    """Texts beyond their column's limit as null, so that one of them does not hold a whole file at the gate."""
    limits = {column.name: column.limits["maxLength"] for column in table.columns if "maxLength" in column.limits}
    return [pl.when(pl.col(name).str.len_chars() <= limit).then(pl.col(name)) for name, limit in limits.items()]


def _keep_all(raw: Rows, _: Vocabulary) -> Rows:
    return raw


def _keep_security_relevant(raw: Rows, vocabulary: Vocabulary) -> Rows:
    groups = find_routes(raw, "url", vocabulary)["group"]
    return raw.keep(groups.is_in(SENSITIVE_GROUPS) | (raw.frame["status_code"] >= 400))


def _treat(raw: Rows, table: Contract, batch: Batch) -> pl.DataFrame:
    key = batch.keyring.current(table.key_purpose)
    context = Context(key, batch.vocabulary, batch.visitor_keys, batch.find_country, batch.is_datacentre)
    treated = treat_columns(raw, treatments(table, batch.source), context)
    derived = raw.frame.select("event_date", "line_number").with_columns(
        key_id=pl.lit(key.id), file_id=pl.lit(batch.file_id)
    )
    rows = pl.concat([treated, derived], how="horizontal")
    return DERIVATIONS.get(table.name, _derive_nothing)(rows, batch.vocabulary)


def _derive_nothing(rows: pl.DataFrame, _: Vocabulary) -> pl.DataFrame:
    return rows


def _derive_page_views(rows: pl.DataFrame, vocabulary: Vocabulary) -> pl.DataFrame:
    pages = sorted({route.template for route in vocabulary.routes if route.is_page})
    shown = (pl.col("method") == "GET") & pl.col("status_code").is_between(200, 399) & pl.col("bot_family").is_null()
    return rows.with_columns(is_page_view=shown & pl.col("route").is_in(pages))


def _derive_security_events(rows: pl.DataFrame, _: Vocabulary) -> pl.DataFrame:
    refused = (pl.col("method") == "POST") & pl.col("status_code").is_in([401, 403])
    return rows.with_columns(is_login_failure=refused & (pl.col("page_group") == "login"))


def _link_identities(raw: Rows, _: Contract, batch: Batch) -> pl.DataFrame:
    """Each member with each device, under every purpose whose pseudonyms a deletion must reach."""
    known = raw.frame.select("user_id", "device_id", "event_date").drop_nulls(["user_id", "device_id"])
    together = known.group_by("user_id", "device_id").agg(pl.col("event_date").min())
    linked = []
    for purpose in LINK_PURPOSES:
        key = batch.keyring.current(purpose)
        linked.append(
            together.select(
                "event_date",
                user_pseudonym=pseudonymise(pl.col("user_id"), "user", key),
                device_pseudonym=pseudonymise(pl.col("device_id"), "device", key),
                purpose=pl.lit(purpose),
                key_id=pl.lit(key.id),
                file_id=pl.lit(batch.file_id),
            ),
        )
    return pl.concat(linked)


def unite_links(rows: pl.DataFrame) -> pl.DataFrame:
    """Each link of a file once, on its first day, in an order that joins no purpose to another."""
    pair = [name for name in rows.columns if name != "event_date"]
    united = rows.group_by(pair).agg(pl.col("event_date").min())
    return united.select(rows.columns).sort("purpose", "user_pseudonym", "device_pseudonym")


def add_bucket(rows: pl.DataFrame, table: Contract) -> pl.DataFrame:
    """The partition number of each row: the first byte of its pseudonym modulo the contract's bucket count."""
    if "bucketOf" not in table.properties:
        return rows
    first_byte = pl.col(table.properties["bucketOf"]).bin.slice(0, 1).bin.encode("hex").str.to_integer(base=16)
    return rows.with_columns(subject_bucket=(first_byte % int(table.properties["buckets"])).fill_null(0))


def withhold_rare_terms(rows: pl.DataFrame, minimum_people: int) -> pl.DataFrame:
    """Null every term that too few people typed on its day within the file; the order of rows then tells nothing.

    People are counted by distinct sketch buckets, which never counts too many.
    """
    people = pl.col("people_sketch").n_unique().over("event_date", "term")
    return rows.with_columns(term=pl.when(people >= minimum_people).then(pl.col("term"))).sort(pl.all())


def suppress_lines(
    raw: pl.DataFrame,
    users: pl.Series,
    devices: pl.DataFrame,
    keyring: Keyring,
    returned: pl.DataFrame | None = None,
) -> tuple[pl.DataFrame, int]:
    """Leave out lines of members who left or refuse, and of devices until their owner left; returns rows and how many.

    users: Binary membership pseudonyms. devices: columns device (Binary) and until (the last moment to leave out).
    returned: columns user (Binary), until, and since (the service's date of it, for lines that have a date alone).
    """
    kept = raw
    for key in keyring.live("membership"):
        if "user_id" in raw.columns and len(users):
            kept = _leave_out_users(kept, users, key)
        if "user_id" in raw.columns and returned is not None and returned.height:
            kept = _leave_out_earlier_epochs(kept, returned, key)
        if "device_id" in raw.columns and devices.height:
            kept = _leave_out_devices(kept, devices, key)
    return kept, raw.height - kept.height


def _leave_out_users(rows: pl.DataFrame, users: pl.Series, key: Key) -> pl.DataFrame:
    present = rows.select(pl.col("user_id").drop_nulls().unique())
    gone = present.filter(pseudonymise(pl.col("user_id"), "user", key).is_in(users.implode()))
    return rows.join(gone, on="user_id", how="anti", maintain_order="left")


def _leave_out_earlier_epochs(rows: pl.DataFrame, returned: pl.DataFrame, key: Key) -> pl.DataFrame:
    present = rows.select(pl.col("user_id").drop_nulls().unique())
    back = present.with_columns(user=pseudonymise(pl.col("user_id"), "user", key)).join(returned, on="user")
    marked = rows.join(back.drop("user"), on="user_id", how="left", maintain_order="left")
    has_moment = "event_at" in rows.columns
    is_new = pl.col("event_at") > pl.col("until") if has_moment else pl.col("event_date") >= pl.col("since")
    return marked.filter(pl.col("until").is_null() | is_new).select(rows.columns)


def _leave_out_devices(rows: pl.DataFrame, devices: pl.DataFrame, key: Key) -> pl.DataFrame:
    present = rows.select(pl.col("device_id").drop_nulls().unique())
    gone = present.with_columns(device=pseudonymise(pl.col("device_id"), "device", key)).join(devices, on="device")
    marked = rows.join(gone.select("device_id", "until"), on="device_id", how="left", maintain_order="left")
    is_old = (pl.col("event_at") <= pl.col("until")).fill_null(value=False)
    return marked.filter(~is_old).drop("until")


def list_consents(raw: pl.DataFrame, keyring: Keyring, until: datetime) -> pl.DataFrame:
    """Columns user (membership pseudonym) and consented_at: the moments, none of them later than until, of consents."""
    given = raw.filter(pl.col("consent") & (pl.col("consented_at") <= until.astimezone(UTC)))
    key = keyring.current("membership")
    return given.select(pseudonymise(pl.col("user_id"), "user", key).alias("user"), "consented_at")


def pseudonymise_accounts(raw: pl.DataFrame, keyring: Keyring) -> pl.DataFrame:
    """Account facts under the membership pseudonym; e-mail, telephone number and name are gone."""
    return raw.select(
        "open_listings",
        "open_trades",
        "last_transaction_date",
        "consent",
        as_of=pl.col("event_date"),
        user_pseudonym=pseudonymise(pl.col("user_id"), "user", keyring.current("membership")),
    )


def merge_rows(frames: Sequence[pl.DataFrame], table: Contract) -> pl.DataFrame:
    """Rows of several chunks as one frame in the table's schema."""
    return pl.concat([pl.DataFrame(schema=polars_schema(table)), *frames])


Selection = Callable[[Rows, Vocabulary], Rows]
Builder = Callable[[Rows, Contract, Batch], pl.DataFrame]
Derivation = Callable[[pl.DataFrame, Vocabulary], pl.DataFrame]
SELECTIONS: Mapping[str, Selection] = {"security_events": _keep_security_relevant}
BUILDERS: Mapping[str, Builder] = {"identity_links": _link_identities}
DERIVATIONS: Mapping[str, Derivation] = {"page_views": _derive_page_views, "security_events": _derive_security_events}
