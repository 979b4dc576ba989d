"""What leaves the house: who may get it is entered first, and what they get before they get it."""

from __future__ import annotations

import hashlib
import ipaddress
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit
from uuid import uuid4

from pipelines.contracts.model import Contract
from pipelines.control.maintenance import hold_maintenance
from pipelines.control.recipients import Export, Recipient, enter_exports, enter_recipient, list_recipients
from pipelines.errors import ConfigurationError
from pipelines.journeys.house import House
from pipelines.warehouse.marts import reach_of
from pipelines.warehouse.query import QueryFormat, run_extract

RECIPIENT_KINDS = ("contractor", "analyst", "public")
EXPORT_KINDS = ("release", "extract", "hand_over")
LAYERS = ("lake", "marts")
RECIPIENT_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
LONGEST_TEXT = 500


@dataclass(frozen=True, slots=True)
class Content:
    """What an export holds: fields of one dataset, as `lake.<table>` or `marts.<table>`, of some days, in some rows.

    first_date and last_date: of the rows, as their dataset dates them; digest: the SHA-256 of what is handed over.
    """

    dataset: str
    fields: tuple[str, ...]
    first_date: date
    last_date: date
    row_count: int
    digest: str


def add_recipient(  # noqa: PLR0913 - a recipient has these facts
    house: House, recipient_id: str, *, kind: str, purpose: str, endpoint: str | None, added_by: str
) -> Recipient:
    """Enter somebody who may get exports; ConfigurationError for an id in use or what cannot be entered."""
    if not RECIPIENT_ID.fullmatch(recipient_id):
        raise ConfigurationError(
            "that cannot be the id of a recipient", hint="give up to 64 letters, digits, dots, hyphens and underscores"
        )
    if kind not in RECIPIENT_KINDS:
        raise ConfigurationError(
            "there is no such kind of recipient", hint=f"choose one of {', '.join(RECIPIENT_KINDS)}"
        )
    if endpoint is not None and not _is_endpoint(endpoint):
        raise ConfigurationError(
            "notices cannot be sent to that endpoint", hint="give an https URL of up to 500 characters, no password"
        )
    recipient = Recipient(recipient_id, kind, _require_text(purpose), endpoint, house.now(), added_by)
    enter_recipient(house.ledger, recipient)
    return recipient


def register_export(  # noqa: PLR0913 - an export has these facts
    house: House, recipient_id: str, content: Content, *, kind: str, purpose: str | None, exported_by: str
) -> Export:
    """Enter what is handed over, before it is; purpose: the recipient's when not given.

    ConfigurationError for an unknown or closed recipient, dataset or field, or days in the wrong order.
    """
    recipient = _find_recipient(house, recipient_id)
    export = _describe_export(house, recipient, content, kind=kind, purpose=purpose, exported_by=exported_by)
    enter_exports(house.ledger, [export])
    return export


def hand_over(
    house: House,
    recipient_id: str,
    sql: str,
    *,
    format: QueryFormat,  # noqa: A002 - the name of the CLI's option
    exported_by: str,
) -> str:
    """The rows of a SELECT on the published warehouse, entered as an extract of every mart that it reads.

    No deletion is carried out meanwhile: it comes before, and is not in the rows, or after, and tells the recipient.
    """
    recipient = _find_recipient(house, recipient_id)
    periods = {mart.name: str(mart.properties["periodColumn"]) for mart in house.catalogue.layer("marts")}
    with hold_maintenance(house.ledger):
        answer = run_extract(house.settings.warehouse_file, sql, periods, format=format)
        if not answer.marts:
            raise ConfigurationError(
                "the query reads no mart that has rows, so there is nothing to hand over",
                hint="name marts as marts.<table>, or leave out --hand-to",
            )
        digest = hashlib.sha256(answer.text.encode()).hexdigest()
        contents = [
            Content(f"marts.{mart}", answer.columns, first, last, answer.row_count, digest)
            for mart, (first, last) in answer.marts.items()
        ]
        describe = partial(_describe_export, house, recipient, kind="extract", exported_by=exported_by)
        enter_exports(house.ledger, [describe(content) for content in contents])
    return answer.text


def digest_file(path: Path) -> str:
    """The SHA-256 of a file that is handed over; ConfigurationError when it cannot be read."""
    try:
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise ConfigurationError(
            f"the file to register cannot be read ({error.strerror})", hint="name the very file that is handed over"
        ) from None


def _find_recipient(house: House, recipient_id: str) -> Recipient:
    for recipient in list_recipients(house.ledger):
        if recipient.recipient_id == recipient_id and recipient.closed_at is None:
            return recipient
    raise ConfigurationError("there is no open recipient of that id", hint="add one with `tokumei recipient add`")


def _describe_export(  # noqa: PLR0913 - an export has these facts
    house: House, recipient: Recipient, content: Content, *, kind: str, exported_by: str, purpose: str | None = None
) -> Export:
    if kind not in EXPORT_KINDS:
        raise ConfigurationError("there is no such kind of export", hint=f"choose one of {', '.join(EXPORT_KINDS)}")
    contract = _find_contract(house, content.dataset)
    _require_fields(contract, content.fields, may_be_made=kind == "extract")
    first, last = _find_events(contract, content.first_date, content.last_date)
    return Export(
        export_id=str(uuid4()),
        recipient_id=recipient.recipient_id,
        kind=kind,
        purpose=recipient.purpose if purpose is None else _require_text(purpose),
        layer=contract.layer,
        dataset=contract.name,
        fields=content.fields,
        first_date=first,
        last_date=last,
        row_count=content.row_count,
        content_digest=content.digest,
        exported_at=house.now(),
        exported_by=exported_by,
    )


def _find_contract(house: House, dataset: str) -> Contract:
    for contract in house.catalogue.contracts:
        if contract.layer in LAYERS and f"{contract.layer}.{contract.name}" == dataset:
            return contract
    raise ConfigurationError(
        "there is no dataset of that name", hint="name it as lake.<table> or marts.<table>, as the contracts do"
    )


def _require_fields(contract: Contract, fields: Sequence[str], *, may_be_made: bool) -> None:
    """A query may make columns of its own."""
    known = [column.name for column in contract.columns]
    if not fields or not (may_be_made or set(fields).issubset(known)):
        raise ConfigurationError(
            f"an export of {contract.name} needs fields, all of them its own", hint=f"choose of {', '.join(known)}"
        )


def _find_events(contract: Contract, first: date, last: date) -> tuple[date, date]:
    """The days of the events in rows of these days: of a mart's, also those around them that its figures depend on."""
    if last < first:
        raise ConfigurationError("the last day of an export is before its first", hint="give them in order")
    if contract.layer != "marts":
        return first, last
    read = reach_of(contract).find_read([first, last])
    return min(read), max(read)


def _require_text(purpose: str) -> str:
    if not 0 < len(purpose.strip()) <= LONGEST_TEXT:
        raise ConfigurationError(
            f"a purpose is a text of at most {LONGEST_TEXT} characters", hint="say what for, and name nobody"
        )
    return purpose.strip()


def _is_endpoint(url: str) -> bool:
    """Pseudonyms may go there, so nobody may read along: https, or this very machine."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return False
    is_whole = (
        bool(host) and parts.username is None and len(url) <= LONGEST_TEXT and url.isascii() and url.isprintable()
    )
    return is_whole and " " not in url and (parts.scheme == "https" or (parts.scheme == "http" and _is_here(str(host))))


def _is_here(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
