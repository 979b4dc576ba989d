"""A disclosure as JSON, for machines and for whoever wants all of it; its structure is access_export.schema.json."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, date, datetime
from functools import cache
from pathlib import Path
from typing import Any

from pipelines.control.disclosures import Handover
from pipelines.deletion.disclosure.datasets import Dataset, Disclosure, Field

FORMAT = "tokumei-access-export/1"
Document = dict[str, Any]


def write_document(disclosure: Disclosure) -> str:
    """The whole of a disclosure: text, numbers and booleans as they are, days and moments (UTC) by ISO 8601."""
    return json.dumps(build_document(disclosure), ensure_ascii=False, indent=1, default=_write_value) + "\n"


def build_document(disclosure: Disclosure) -> Document:
    """What is written, apart from how values are."""
    return {
        "format": FORMAT,
        "request_id": disclosure.request_id,
        "made_at": disclosure.made_at,
        "timezone": disclosure.timezone,
        "datasets": [_describe(dataset) for dataset in disclosure.datasets],
        "unattributable": [
            {
                "table": each.table,
                "layer": each.layer,
                "purpose": each.purpose,
                "form": each.form,
                "reason": each.reason,
            }
            for each in disclosure.unattributable
        ],
    }


@cache
def read_schema() -> Document:
    """The JSON Schema of what `write_document` writes."""
    schema: Document = json.loads(Path(__file__).with_name("access_export.schema.json").read_text(encoding="utf-8"))
    return schema


def _describe(dataset: Dataset) -> Document:
    return {
        "table": dataset.table,
        "layer": dataset.layer,
        "purpose": dataset.purpose,
        "policy_clause": dataset.policy_clause,
        "form": dataset.form,
        "sources": [{"name": source.name, "purpose": source.purpose} for source in dataset.sources],
        "retention": {"days": dataset.retention_days, "from": dataset.retention_column},
        "recipients": [_describe_handover(each) for each in dataset.recipients],
        "columns": _list_fields(dataset.shown),
        "withheld_columns": _list_fields(dataset.withheld),
        "row_count": dataset.rows.height,
        "rows": dataset.rows.to_dicts(),
    }


def _list_fields(fields: Sequence[Field]) -> list[Document]:
    return [{"name": each.name, "type": each.kind, "description": each.description} for each in fields]


def _describe_handover(handover: Handover) -> Document:
    return {
        "recipient": handover.recipient_id,
        "recipient_kind": handover.recipient_kind,
        "purpose": handover.purpose,
        "of": f"{handover.layer}.{handover.dataset}",
        "columns": list(handover.fields),
        "first_date": handover.first_date,
        "last_date": handover.last_date,
        "exported_at": handover.exported_at,
    }


def _write_value(value: object) -> str:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    if isinstance(value, date):
        return value.isoformat()
    raise TypeError(f"an export holds no {type(value).__name__}")
