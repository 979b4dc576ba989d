"""The page_views row that an accepted access line must become.

Left out: what is read off the user agent and the language header (browser, system, device class, language), which
tests/golden pins value by value. Only whether an agent is a robot counts here, for robots see no page.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from urllib.parse import unquote_plus
from zoneinfo import ZoneInfo

from ua_parser import Parser, load_builtins
from ua_parser.regex import Resolver

from tests.oracle.contract import Contract
from tests.oracle.lines import WHITE_SPACE
from tests.oracle.pseudonyms import Keys, find_visitor, pseudonymise

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
ORIGIN = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]*://[^/?#]*")
REFERRER = re.compile(r"(?:([a-zA-Z][a-zA-Z0-9+.-]*):)?//(?:[^/?#]*@)?([^/?#:@]*)(?::[^/?#]*)?(?:[/?#].*)?", re.DOTALL)
BEFORE_URLS = "".join(map(chr, range(0x21)))  # URLs begin behind them, and go on behind a tab or a line's end
HOST = re.compile(r"[0-9a-z._-]{1,253}")
OTHER = "(other)"
LONGEST_AGENT, LONGEST_REFERRER, LONGEST_PARAMETER = 512, 4096, 100
BUCKETS = 4


@dataclass(frozen=True, eq=False)
class Rules:
    """All that a row depends on beside its line."""

    contract: Contract
    keys: Keys
    zone: ZoneInfo
    robots: Parser = field(default_factory=lambda: Parser(Resolver(load_builtins())))


def build_row(line: Mapping[str, object], rules: Rules) -> dict[str, object]:
    """The columns of a page view, but file and line number."""
    moment, url, status, method = line["event_at"], str(line["url"]), line["status_code"], line["method"]
    assert isinstance(moment, datetime)
    assert isinstance(status, int)
    day, (key_id, secret) = moment.astimezone(rules.zone).date(), rules.keys.newest["usage"]
    user, device = _person(line, "user_id", "user", secret), _person(line, "device_id", "device", secret)
    visitor = find_visitor(line, day, device, user, rules.keys)
    route, group, is_page = find_route(url, rules.contract)
    channel, source = find_referrer(line["referrer"], rules.contract)
    is_robot = find_robot(str(line["user_agent"] or "")[:LONGEST_AGENT].strip(), rules) is not None
    return {
        "event_at": moment,
        "event_date": day,
        "subject_bucket": visitor[0] % BUCKETS if isinstance(visitor, bytes) else 0,
        "visitor_pseudonym": visitor,
        "user_pseudonym": user,
        "device_pseudonym": device,
        "key_id": key_id,
        "method": method if method in METHODS else "OTHER",
        "route": route,
        "page_group": group,
        "is_page_view": method == "GET" and 200 <= status < 400 and is_page and not is_robot,
        "status_code": status,
        "response_bytes": line["response_bytes"],
        "referrer_channel": channel,
        "referrer_source": source,
        "utm_source": find_parameter(url, "utm_source", rules.contract),
        "utm_medium": find_parameter(url, "utm_medium", rules.contract),
    }


def _person(line: Mapping[str, object], name: str, domain: str, secret: str) -> bytes | None:
    value = line[name]
    return pseudonymise(value if isinstance(value, str) else None, domain, secret)


def find_route(url: str, contract: Contract) -> tuple[str, str, bool]:
    """Template, group, and whether it is a page, by the first pattern that is found in the path."""
    origin = ORIGIN.match(url)
    path = re.split("[?#]", url[origin.end() :] if origin else url, maxsplit=1)[0]
    for item in contract.words["routes"]:
        if re.search(item["pattern"], path):
            return item["route"], item["group"], item["page"]
    return OTHER, OTHER, False


def find_referrer(referrer: object, contract: Contract) -> tuple[str, str]:
    """Channel and source, by the host alone."""
    text = str(referrer or "").strip()[:LONGEST_REFERRER]
    if text in {"", "-"}:
        return "direct", "direct"
    match = REFERRER.fullmatch(re.sub(r"[\t\r\n]", "", text).lstrip(BEFORE_URLS))
    host = _spell_host(match[2]) if match else ""
    if host and match and (match[1] or "").lower() == "android-app":
        host = f"android-app:{host}"
    if host in contract.words["internalHosts"]:
        return "internal", "internal"
    known = (item for item in contract.words["referrers"] if re.search(item["pattern"], host))
    found = next(known, {"channel": "other", "source": OTHER})
    return found["channel"], found["source"]


def _spell_host(written: str) -> str:
    """Lower case, without the root's dot, an international name as browsers send it; empty for what is none."""
    host = written.lower().removesuffix(".")
    try:
        host = host if host.isascii() else host.encode("idna").decode("ascii")
    except UnicodeError:
        return ""
    return host if HOST.fullmatch(host) else ""


def find_parameter(url: str, name: str, contract: Contract) -> str | None:
    """The first value of a listed parameter, decoded, if it is short and of the listed form."""
    pattern = next(item["pattern"] for item in contract.words["parameters"] if item["name"] == name)
    written = next((value for key, value in _split_query(url) if key == name), None)
    if written is None or len(written.encode()) > LONGEST_PARAMETER:
        return None
    value = unquote_plus(written)
    return value if re.search(pattern, value) else None


def _split_query(url: str) -> Iterator[tuple[str, str]]:
    _, _, query = url.split("#", 1)[0].partition("?")
    for part in query.split("&"):
        key, equals, value = part.partition("=")
        if equals:
            yield key, value


@lru_cache(maxsize=65_536)
def find_robot(agent: str, rules: Rules) -> str | None:
    """The class of robot that the contract declares, else `other` for a spider that the public list knows."""
    if agent.strip(WHITE_SPACE) in {"", "-"}:
        return None
    declared = (item["family"] for item in rules.contract.words["bots"] if re.search(item["pattern"], agent))
    return next(declared, None) or ("other" if _is_spider(agent, rules) else None)


def _is_spider(agent: str, rules: Rules) -> bool:
    device = rules.robots.parse_device(agent)
    return device is not None and device.family == "Spider"
