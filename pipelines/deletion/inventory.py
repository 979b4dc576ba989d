"""What lies below the home and in the lake that is neither declared nor of the house's own making.

A deletion reaches what is declared; a copy beside it would outlive everybody in it. So all on disk must be known.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from operator import itemgetter
from pathlib import Path

import pyarrow.fs
from sqlalchemy.engine import make_url

from pipelines.contracts.model import Catalogue, Contract
from pipelines.control.day_keys import DAY_PURPOSES, find_day_keys
from pipelines.control.keyring_file import HISTORY_NAME, LOCK_NAME
from pipelines.control.keyring_source import find_keyring_file, is_kept_in_file
from pipelines.errors import UndeclaredDataError
from pipelines.lake.layout import Lake, open_files
from pipelines.settings import SOURCES, Settings
from pipelines.warehouse.directory import EXPORT_NAME, PUBLISHED_NAME

# What a table's log holds, and what delta-rs writes on the way there; a killed process leaves files that end in "#1".
LOG = r"_delta_log/(\d{20}\.(json|crc|checkpoint(\.\d+\.\d+)?\.parquet)|_last_checkpoint|_commit_[^/]+)(#\d+)?"
DATA = r"part-[^/]+\.parquet(#\d+)?"
WAREHOUSE = re.escape(PUBLISHED_NAME)
# The published file, what an analyst's DuckDB puts beside it, what a build and a publication write, and what it spills.
WAREHOUSE_FILES = (
    rf"{WAREHOUSE}(\.wal|\.tmp)?|{WAREHOUSE}\.[0-9a-f]+\.building(\.wal)?|{EXPORT_NAME}\.[0-9a-f]+\.building|spill"
)
CERTIFICATE_FILES = r"[^./][^/]*\.jws|[^./][^/]*\.jwks|[0-9a-f]{64}\.scan\.json|\.lock|\.[^/]+\.tmp"
CANARY_REGISTER = "canary_subjects.json"
LEDGER_SUFFIX = r"(-journal|-wal|-shm|-[a-z]+\.lock)?"
LOCK_SUFFIX = ".lock"
NOTHING = r"(?!)"
UUID = "[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"
ACCESS_EXPORT = rf"\.?{UUID}\.(json|html)(\.\w+\.tmp)?"  # or what is about to replace it
WEEKLY_PAGE = r"\.?usage-\d{4}-W\d{2}\.(en|ja)\.html(\.\w+\.tmp)?"  # or what is about to replace it


@dataclass(frozen=True, slots=True)
class Undeclared:
    """One file or directory that nothing declares: below which root, and its place there."""

    root: str
    place: str


def find_undeclared(settings: Settings, catalogue: Catalogue, lake: Lake) -> tuple[Undeclared, ...]:
    """Everything that is not known, in order; of a directory that is not known only the directory itself.

    Whatever lies in landing/<source> waits for ingestion, and what lies in airflow/ is Airflow's; the scan reads both.
    A data file that no version of its table names is known by its name: purges sweep it once no write can still be at
    it. A link is never known, since the scan does not follow it. UndeclaredDataError when a directory cannot be listed,
    for then nobody knows.
    """
    known, home = _know_home(settings, catalogue, lake), settings.home.resolve()
    try:
        beside = (Undeclared(str(home), str(path.relative_to(home))) for path in _search_home(home, known))
        return (*beside, *(Undeclared(lake.uri, place) for place in _search_lake(lake, catalogue)))
    except OSError as error:
        raise UndeclaredDataError(
            f"{home} or {lake.uri} cannot be listed as a whole ({error.strerror or type(error).__name__})",
            hint="make it a directory of your own, and all that lies in it",
        ) from None


@dataclass(frozen=True, slots=True)
class _Known:
    """names: which entries a directory may have. whole: paths that are known with all that lies below them."""

    names: Mapping[Path, re.Pattern[str]]
    whole: frozenset[Path]

    def covers(self, path: Path) -> bool:
        if path.is_symlink():
            return False
        names = self.names.get(path.parent)
        return path in self.whole or bool(names and names.fullmatch(path.name)) or _is_empty_lock(path)

    def leads_on(self, directory: Path) -> bool:
        return any(path.is_relative_to(directory) for path in (*self.names, *self.whole))


def _is_empty_lock(path: Path) -> bool:
    """A lock file without a byte is no copy of anything, whoever takes it."""
    return path.suffix == LOCK_SUFFIX and path.is_file() and path.stat().st_size == 0


def _know_home(settings: Settings, catalogue: Catalogue, lake: Lake) -> _Known:
    keys = [settings.keyring_file, settings.signing_key_file]
    keys += [settings.keyring_file.with_name(CANARY_REGISTER), settings.desk_secrets_file]
    keys += [find_day_keys(settings, purpose) for purpose in DAY_PURPOSES]
    keys += [find_keyring_file(settings)] if is_kept_in_file(settings) else []
    names = [
        (settings.landing, "|".join(SOURCES)),
        (settings.warehouse_directory, WAREHOUSE_FILES),
        (settings.warehouse_directory / EXPORT_NAME, _name_exports(catalogue)),
        (settings.certificates, CERTIFICATE_FILES),
        (settings.home / "reports", _name_reports(catalogue)),
        (settings.quality_documents, _name_documents(catalogue)),
        (settings.access_exports, ACCESS_EXPORT),
        *((key.parent, _name_keyring(key.name)) for key in keys),
        *((ledger.parent, rf"{re.escape(ledger.name)}{LEDGER_SUFFIX}") for ledger in _find_ledger(settings)),
    ]
    files = (settings.canaries, settings.country_database, settings.datacentre_networks)
    given = (*files, settings.contracts, settings.sql, lake.directory)
    whole = [settings.airflow_home, *(Path(path).absolute() for path in given if path)]
    placed = [(_locate(directory), pattern) for directory, pattern in names]
    patterns = {each: "|".join(pattern for directory, pattern in placed if directory == each) for each, _ in placed}
    compiled = {directory: re.compile(pattern) for directory, pattern in patterns.items()}
    return _Known(compiled, frozenset(_locate(path) for path in whole))


def _locate(path: Path) -> Path:
    """One way to write a path, though settings may write it in several; whether it is a link itself stays visible."""
    return path.parent.resolve() / path.name


def _name_reports(catalogue: Catalogue) -> str:
    """A release is named after what was published: <table>.csv, <table>-2026-11.html; the page of a week after that."""
    tables = "|".join(re.escape(contract.name) for contract in catalogue.layer("published"))
    return rf"({tables or NOTHING})([.-].*)?|{WEEKLY_PAGE}"


def _name_exports(catalogue: Catalogue) -> str:
    """The Parquet files of the marts."""
    tables = "|".join(re.escape(contract.name) for contract in catalogue.layer("marts"))
    return rf"({tables})\.parquet" if tables else NOTHING


def _name_documents(catalogue: Catalogue) -> str:
    """The pages of what gates found, of each table and source, and what is about to replace one."""
    tables = "|".join(re.escape(contract.name) for contract in catalogue.contracts)
    return rf"\.?(index|(lake|marts|anomalies)_({tables}))\.html(\.[0-9a-f]+\.partial)?"


def _name_keyring(name: str) -> str:
    """A keyring, what is about to replace it, and what is kept beside it."""
    return rf"{re.escape(name)}|\.{re.escape(name)}(\.[0-9a-f]+)?\.new|{re.escape(LOCK_NAME)}|{re.escape(HISTORY_NAME)}"


def _find_ledger(settings: Settings) -> list[Path]:
    """The ledger's file, unless it is on a database server; a control.db beside that one is a copy."""
    url = make_url(settings.control_url)
    return [Path(url.database).absolute()] if url.get_backend_name() == "sqlite" and url.database else []


def _search_home(directory: Path, known: _Known) -> Iterator[Path]:
    for path in sorted(directory.iterdir()):
        if known.covers(path):
            continue
        if path.is_dir() and not path.is_symlink() and known.leads_on(path):
            yield from _search_home(path, known)
        elif path.is_symlink() or path.exists():  # and not gone by now, as a temporary file is
            yield path


def _search_lake(lake: Lake, catalogue: Catalogue) -> Iterator[str]:
    filesystem, root = open_files(lake.uri)
    contracts = {contract.name: contract for contract in catalogue.layer("lake")}
    found = filesystem.get_file_info(pyarrow.fs.FileSelector(root, allow_not_found=True, recursive=True))
    reported: tuple[str, ...] = ("",)
    for parts, info in sorted(((_split_place(info, root), info) for info in found), key=itemgetter(0)):
        is_below = parts[: len(reported)] == reported
        is_link = bool(lake.directory) and Path(info.path).is_symlink()
        if not is_below and (is_link or not _belongs_to(contracts.get(parts[0]), "/".join(parts[1:]), info)):
            reported = parts
            yield "/".join(parts)


def _split_place(info: pyarrow.fs.FileInfo, root: str) -> tuple[str, ...]:
    return tuple(info.path.removeprefix(f"{root}/").split("/"))


def _belongs_to(contract: Contract | None, place: str, info: pyarrow.fs.FileInfo) -> bool:
    """Whether a place is where a declared table has its directories and files."""
    is_file = info.type == pyarrow.fs.FileType.File
    if contract is None:
        return bool(is_file and not place and info.base_name.endswith(LOCK_SUFFIX) and info.size == 0)
    partition = ""
    for column in reversed(contract.partition_columns):
        partition = rf"(/{re.escape(column)}=[^/]*{partition})?"
    if is_file:
        return bool(re.fullmatch(rf"/{LOG}|{partition}/{DATA}", f"/{place}"))
    return bool(re.fullmatch(rf"/|/_delta_log|{partition}", f"/{place}"))
