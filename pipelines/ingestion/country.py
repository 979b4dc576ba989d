"""Countries of addresses, from a file in MaxMind's format that whoever runs the house supplies."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path

import maxminddb
from maxminddb.reader import Metadata, Reader

from pipelines.errors import ConfigurationError

# What reading a broken file raises; some of these quote the address that was asked for.
BROKEN = (RuntimeError, ValueError, LookupError, struct.error)


@dataclass(frozen=True, slots=True)
class CountryDatabase:
    """Tells the country of one address at a time. Holds no open file, so that it can be sent to other processes.

    modified_ns: of the file, so that one which takes its place is opened anew.
    """

    path: Path
    modified_ns: int

    def __call__(self, address: str) -> str | None:
        """The code that the file gives for an address, None without one; ConfigurationError when it cannot be read."""
        reader, metadata = _open_reader(self.path, self.modified_ns)
        if ":" in address and metadata.ip_version == 4:
            return None
        try:
            return _read_code(reader.get(address))
        except BROKEN:
            pass
        raise _refuse_database("is broken")  # out here, so that nothing can follow the context to the address

    def describe(self) -> str:
        """What the file says of itself."""
        _, metadata = _open_reader(self.path, self.modified_ns)
        return f"{metadata.database_type} of {datetime.fromtimestamp(metadata.build_epoch, UTC).date()}"


def open_country_database(path: str) -> CountryDatabase | None:
    """The database that TOKUMEI_COUNTRY_DATABASE names, None where it names none; ConfigurationError if unusable."""
    if not path:
        return None
    try:
        database = CountryDatabase(Path(path), Path(path).stat().st_mtime_ns)
        database.describe()
    except OSError as error:
        raise _refuse_database(f"cannot be read ({error.strerror})") from None
    except BROKEN:
        raise _refuse_database("is not in MaxMind's format") from None
    return database


@lru_cache(maxsize=1)
def _open_reader(path: Path, _modified_ns: int) -> tuple[Reader, Metadata]:
    reader = maxminddb.open_database(path)
    return reader, reader.metadata()


def _read_code(record: object) -> str | None:
    """MaxMind nests the code below the country; others write it flat."""
    if not isinstance(record, dict):
        return None
    country = record.get("country_code", record.get("country"))
    code = country.get("iso_code") if isinstance(country, dict) else country
    return code if isinstance(code, str) else None


def _refuse_database(why: str) -> ConfigurationError:
    return ConfigurationError(
        f"TOKUMEI_COUNTRY_DATABASE {why}", hint="point it at a .mmdb file of countries, or leave it empty"
    )
