"""How often somebody may ask: buckets that refill, in memory alone, gone with the process."""

from __future__ import annotations

import ipaddress
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock

MOST_ASKERS = 20_000
IPV6_HOME = 64


@dataclass(frozen=True, slots=True)
class Rate:
    """So many at once, and so many a second from then on."""

    burst: float
    per_second: float


@dataclass(frozen=True, slots=True)
class Limits:
    """address: of anything from one address. pages: of status pages, from one address. client: of signed requests."""

    address: Rate = Rate(200, 20)
    pages: Rate = Rate(30, 0.5)
    client: Rate = Rate(200, 20)
    body_bytes: int = 64 * 1024
    body_seconds: float = 10


class Buckets:
    """One bucket an asker; whoever asked longest ago is forgotten first, when there are very many."""

    def __init__(self, rate: Rate, clock: Callable[[], float] = time.monotonic) -> None:
        self._rate, self._clock, self._lock = rate, clock, Lock()
        self._levels: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, asker: str) -> bool:
        """Take one from an asker's bucket; False when it is empty."""
        with self._lock:
            now = self._clock()
            level, since = self._levels.pop(asker, (self._rate.burst, now))
            level = min(self._rate.burst, level + (now - since) * self._rate.per_second)
            may = level >= 1
            self._levels[asker] = (level - 1 if may else level, now)
            if len(self._levels) > MOST_ASKERS:
                self._levels.popitem(last=False)
        return may


def name_asker(host: str) -> str:
    """The address that is counted: of IPv6 the network, from which one home draws as many as it likes."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return ""
    if address.version == 4:
        return str(address)
    return str(ipaddress.ip_network((address, IPV6_HOME), strict=False))
