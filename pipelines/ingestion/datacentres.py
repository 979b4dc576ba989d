"""Networks of datacentres, one a line in CIDR notation, from a file that whoever runs the house supplies."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network, collapse_addresses, ip_network
from pathlib import Path

from pipelines.errors import ConfigurationError

Ranges = tuple[tuple[bytes, ...], tuple[bytes, ...]]  # first and last addresses of networks that do not meet, in order
LENGTHS = {4: 4, 6: 16}  # bytes of an address by version


@dataclass(frozen=True, slots=True)
class DatacentreNetworks:
    """Tells of one address at a time whether it is in a network of the file, and can be sent to other processes.

    modified_ns: of the file, so that one which takes its place is read anew.
    """

    path: Path
    modified_ns: int

    def __call__(self, address: bytes) -> bool:
        """Whether an address, as its 4 or 16 bytes, is a datacentre's."""
        first, last = _read_ranges(self.path, self.modified_ns)[len(address)]
        place = bisect_right(first, address) - 1
        return place >= 0 and address <= last[place]

    def describe(self) -> str:
        """How much the file says."""
        count = sum(len(first) for first, _ in _read_ranges(self.path, self.modified_ns).values())
        return f"{count} networks"


def open_datacentre_networks(path: str) -> DatacentreNetworks | None:
    """The networks that TOKUMEI_DATACENTRE_NETWORKS names, None where it names none; ConfigurationError if unusable."""
    if not path:
        return None
    try:
        networks = DatacentreNetworks(Path(path), Path(path).stat().st_mtime_ns)
        networks.describe()
    except OSError as error:
        raise _refuse(f"cannot be read ({error.strerror})") from None
    except UnicodeDecodeError:
        raise _refuse("is not a text in UTF-8") from None
    return networks


@lru_cache(maxsize=1)
def _read_ranges(path: Path, _modified_ns: int) -> Mapping[int, Ranges]:
    """The ranges of each length of an address."""
    networks = list(_parse_lines(path.read_text(encoding="utf-8").splitlines()))
    v4 = collapse_addresses(each for each in networks if isinstance(each, IPv4Network))
    v6 = collapse_addresses(each for each in networks if isinstance(each, IPv6Network))
    return {LENGTHS[4]: _split_ends(v4), LENGTHS[6]: _split_ends(v6)}


def _parse_lines(lines: Iterable[str]) -> Iterator[IPv4Network | IPv6Network]:
    """What follows # is a comment; a single address is a network of one."""
    for number, line in enumerate(lines, start=1):
        text = line.partition("#")[0].strip()
        if text:
            try:
                network = ip_network(text)
            except ValueError:
                network = None
            if network is None:  # raised out here, so that nothing can follow the context to the line
                raise _refuse(f"is no list of networks: see line {number}")
            yield network


def _split_ends(networks: Iterable[IPv4Network | IPv6Network]) -> Ranges:
    ends = [(each.network_address.packed, each.broadcast_address.packed) for each in networks]
    return tuple(first for first, _ in ends), tuple(last for _, last in ends)


def _refuse(why: str) -> ConfigurationError:
    return ConfigurationError(
        f"TOKUMEI_DATACENTRE_NETWORKS {why}",
        hint="point it at a file of networks such as 192.0.2.0/24, one a line, or leave it empty",
    )
