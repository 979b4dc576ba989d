"""How the files of a source are written: one declaration for each kind of file, found by the file's name."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

from pipelines.contracts.layout import KNOWN_VARIABLES, Token, name_variables, parse_layout

if TYPE_CHECKING:
    from pipelines.contracts.model import Contract

COMPRESSION_SUFFIXES = (".gz", ".zst")
REQUEST = "request"  # no column: "GET /path HTTP/1.1", which fills the columns method and url
REQUEST_COLUMNS = ("method", "url")
DELIMITERS: Mapping[str, str] = {"comma": ",", "semicolon": ";", "tab": "\t", "pipe": "|"}
FIRST_LINE = "first line"


@dataclass(frozen=True, slots=True)
class Field:
    """Where one column, or the request, is read. keys: one, or two whose values are joined.

    written: clf, iso8601, seconds, milliseconds, microseconds, nanoseconds, url_encoded, uppercase, or None.
    """

    column: str
    keys: tuple[str, ...]
    written: str | None = None


@dataclass(frozen=True, slots=True)
class Format:
    """One declaration. kind: text, json or delimited; the other attributes belong to one kind each, or to all.

    tokens, open_ended: text. all_text: json, numbers may be quoted and a lone dash is nothing. delimiter, header:
    delimited; the header is "first line", how the line begins that names the fields, or the fields themselves.
    timezone: what a time without an offset means; without one it is refused.
    """

    files: str
    kind: str
    fields: tuple[Field, ...]
    timezone: str | None = None
    tokens: tuple[Token, ...] = ()
    open_ended: bool = False
    all_text: bool = False
    delimiter: str = ""
    header: str | tuple[str, ...] = ""

    @property
    def needs_header(self) -> bool:
        """Whether a record says nothing without the header of its file."""
        return self.kind == "delimited"


def find_format(contract: Contract, name: str) -> Format | None:
    """How a file is written, by its path below landing/<source>: the first declaration that fits; None for none."""
    for suffix in COMPRESSION_SUFFIXES:
        name = name.removesuffix(suffix)
    matching = (item for item in contract.properties["formats"] if fnmatchcase(name, item["files"]))
    return next((_build_format(item, contract) for item in matching), None)


def get_format(contract: Contract, files: str) -> Format | None:
    """The declaration for these files, as the contract words it now; None when it has none any more."""
    matching = (item for item in contract.properties["formats"] if item["files"] == files)
    return next((_build_format(item, contract) for item in matching), None)


def _build_format(declared: Mapping[str, Any], contract: Contract) -> Format:
    return build_format(declared, {column.name: column.physical_name for column in contract.columns})


def build_format(declared: Mapping[str, Any], keys: Mapping[str, str]) -> Format:
    """The frozen value of one declaration that was checked. keys: each column's physical name."""
    header = declared.get("header", "")
    tokens = parse_layout(declared["layout"]) if "layout" in declared else ()
    return Format(
        files=declared["files"],
        kind=declared["kind"],
        fields=_read_layout_fields(tokens, declared, keys) if tokens else _read_keyed_fields(declared, keys),
        timezone=declared.get("timezone"),
        tokens=tokens,
        open_ended=declared.get("openEnded", False),
        all_text=declared.get("allText", False),
        delimiter=DELIMITERS.get(declared.get("delimiter", ""), ""),
        header=header if isinstance(header, str) else tuple(header),
    )


def _read_layout_fields(
    tokens: tuple[Token, ...], declared: Mapping[str, Any], columns: Iterable[str]
) -> tuple[Field, ...]:
    """A column is filled by the variable that the declaration names, else by the first that is known to fill it."""
    wanted = {*columns, REQUEST}
    own, values = declared.get("keys", {}), declared.get("values", {})
    found = {column: Field(column, (name,), values.get(column)) for column, name in own.items()}
    taken = set(own.values())
    for name in name_variables(tokens):
        column, written = KNOWN_VARIABLES.get(name, ("", None))
        if column in wanted - found.keys() and name not in taken:
            found[column] = Field(column, (name,), values.get(column, written))
    return _without_split_request(found.values())


def _read_keyed_fields(declared: Mapping[str, Any], names: Mapping[str, str]) -> tuple[Field, ...]:
    own, values = declared.get("keys", {}), declared.get("values", {})
    keys = {**names, **own}
    fields = (Field(column, _as_tuple(key), values.get(column)) for column, key in keys.items())
    return _without_split_request(each for each in fields if not (REQUEST in own and _comes_unnamed(each, own)))


def _comes_unnamed(field: Field, own: Mapping[str, Any]) -> bool:
    return field.column in REQUEST_COLUMNS and field.column not in own


def _without_split_request(fields: Iterable[Field]) -> tuple[Field, ...]:
    """Without the request where method and URL are both told by fields of their own."""
    found = {field.column: field for field in fields}
    if set(REQUEST_COLUMNS) <= found.keys():
        found.pop(REQUEST, None)
    return tuple(found.values())


def _as_tuple(key: str | list[str]) -> tuple[str, ...]:
    return (key,) if isinstance(key, str) else tuple(key)
