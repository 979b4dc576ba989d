"""User agents to families: what remains says which browser, never whose."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache, lru_cache

import polars as pl
from ua_parser import Parser, Result, load_builtins
from ua_parser.regex import Resolver

UNKNOWN, OTHER = "unknown", "(other)"
MAXIMUM_LENGTH = 512
# Families are captured from the agent's own text, so only names on these lists may survive.
LISTED = """
    Amazon Silk|Android|Brave|Chrome|Chrome Mobile|Chrome Mobile WebView|Chrome Mobile iOS|Chromium|DuckDuckGo Mobile
    Edge|Edge Mobile|Facebook|Firefox|Firefox Mobile|Firefox iOS|Google|IE|IE Mobile|Instagram|LINE|Mobile Safari
    Mobile Safari UI/WKWebView|NetFront|Opera|Opera Mini|Opera Mobile|Safari|Samsung Internet|Sleipnir|Twitter
    UP.Browser|Vivaldi|YJApp-ANDROID|YJApp-IOS|Yandex Browser
"""
BROWSER_FAMILIES = frozenset(name for line in LISTED.split("\n") for name in line.strip().split("|") if name)
YAHOO_JAPAN_APP = re.compile(r"\bYJApp-(IOS|ANDROID) [a-z.]+/([0-9]{1,4})\.")  # ua-parser sees but its web view
OS_FAMILIES = frozenset({"Android", "Chrome OS", "Fedora", "Linux", "Mac OS X", "Ubuntu", "Windows", "iOS", "iPadOS"})
FEATURE_PHONE = re.compile(
    r"^(?:DoCoMo/|KDDI-|SoftBank/|Vodafone/|J-PHONE/|MOT-|emobile/|ASTEL/|PDXGW/)|UP\.Browser|\((?:WILLCOM|DDIPOCKET);"
    r"|; ?KDDI-|;(?:FOMA|SoftBank|Vodafone);",
)
NO_PERSONAL_DEVICE = re.compile(
    r"\bTV\b|[Ss]mart-?TV|SMART-TV|GoogleTV|BRAVIA|; AFT[A-Z]|CrKey|Web0S|PlayStation|Nintendo|Xbox",
)
# A browser on Android says Mobile on a telephone; an application says nothing either way.
TABLET = re.compile(
    r"iPad|Tablet(?! PC)|PlayBook|Silk/|Kindle|Nexus (?:7|9|10)|SM-[TX]\d|^Mozilla/.*Android(?!.*Mobile)"
)
MOBILE = re.compile(r"Mobi|iPhone|iPod|Android|Windows (?:Phone|CE)|iOS \d")
DESKTOP = re.compile(r"Windows|Macintosh|X11|CrOS|Linux (?:x86_64|i686|aarch64)|macOS")
# iOS 18_6 and 18_7 are told by iOS 26 too; Safari tells them apart by its own version. Firefox says Android 4.4 on what
# is older, and 10 wherever it resists fingerprinting.
FROZEN = re.compile(
    r"Android 10; K[;)]|Android (?:4\.4|10); (?:Mobile|Tablet); rv:|Windows NT 10\.0|Mac OS X 10[_.]15"
    r"|OS 18_[67](?!.*Version/18\.)"
)
# An application's default agent is the same on a telephone and on a Mac, unless it says more.
APPLE_APP = re.compile(r"^(?!.*(?:iOS|iPhone|iPad|x86_64)).*\bCFNetwork/")
DEVICE_CLASSES = (
    (FEATURE_PHONE, "feature_phone"),
    (NO_PERSONAL_DEVICE, UNKNOWN),
    (TABLET, "tablet"),
    (MOBILE, "mobile"),
    (DESKTOP, "desktop"),
)
REMEMBERED_AGENTS = 16_384
PARTS = {
    "browser_family": pl.String,
    "browser_major": pl.Int32,
    "os_family": pl.String,
    "os_major": pl.Int32,
    "device_class": pl.String,
    "bot_family": pl.String,
}


@cache
def _parser() -> Parser:
    return Parser(Resolver(load_builtins()))


def reduce_user_agents(agents: pl.Series, bots: Sequence[tuple[str, str]]) -> pl.DataFrame:
    """Families of distinct user agents, aligned with the input; one column for each of PARTS.

    bots: (pattern, family) pairs, the first that matches decides; bot_family is null for people. Versions that browsers
    freeze (Android 10; K, Windows NT 10.0, macOS 10.15, iOS 18.6 and 18.7) are null: unknown, never wrong. An iPad that
    asks for desktop pages says that it is a Mac, and counts as one.
    """
    declared = tuple((re.compile(pattern), family) for pattern, family in bots)
    rows = [_reduce((agent or "")[:MAXIMUM_LENGTH].strip(), declared) for agent in agents.to_list()]
    return pl.DataFrame(rows, schema=PARTS, orient="row")


@lru_cache(maxsize=REMEMBERED_AGENTS)  # one file's chunks, and files, repeat the same agents
def _reduce(text: str, bots: tuple[tuple[re.Pattern[str], str], ...]) -> tuple[object, ...]:
    if text in {"", "-"}:
        return UNKNOWN, None, UNKNOWN, None, UNKNOWN, None
    found = _parser().parse(text)
    bot = next((family for pattern, family in bots if pattern.search(text)), None)
    if bot is None and found.device is not None and found.device.family == "Spider":
        bot = "other"
    return *_browser(found, text), *_system(found, text), _device_class(text, bot), bot


def _browser(found: Result, text: str) -> tuple[str, int | None]:
    if app := YAHOO_JAPAN_APP.search(text):
        return f"YJApp-{app[1]}", _major(app[2])
    if found.user_agent is None:
        return UNKNOWN, None
    if found.user_agent.family not in BROWSER_FAMILIES:
        return OTHER, None
    return found.user_agent.family, _major(found.user_agent.major)


def _system(found: Result, text: str) -> tuple[str, int | None]:
    if found.os is None or APPLE_APP.search(text):
        return UNKNOWN, None
    if found.os.family not in OS_FAMILIES:
        return OTHER, None
    return found.os.family, None if FROZEN.search(text) else _major(found.os.major)


def _major(version: str | None) -> int | None:
    return int(version) if version and version.isascii() and version.isdigit() and len(version) <= 4 else None


def _device_class(text: str, bot: str | None) -> str:
    if bot is not None:
        return "bot"
    return next((kind for pattern, kind in DEVICE_CLASSES if pattern.search(text)), UNKNOWN)
