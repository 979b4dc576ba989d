"""User agents to families: what remains says which browser, never whose."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache

import polars as pl
from ua_parser import Parser, RegexResolver, Result, load_builtins

UNKNOWN, OTHER = "unknown", "(other)"
MAXIMUM_LENGTH = 512
# Families are captured from the agent's own text, so only names on these lists may survive.
BROWSER_FAMILIES = frozenset(
    """
    Android|Apple Mail|Chrome|Chrome Mobile|Chrome Mobile WebView|Chrome Mobile iOS|Chromium|DuckDuckGo Mobile|Edge|
    Edge Mobile|Facebook|Firefox|Firefox Mobile|Firefox iOS|Google|IE|IE Mobile|Instagram|LINE|Mobile Safari|
    Mobile Safari UI/WKWebView|NetFront|Opera|Opera Mini|Opera Mobile|Safari|Samsung Internet|Sleipnir|Twitter|
    UP.Browser|Vivaldi|YJApp-ANDROID|YJApp-IOS|Yandex Browser
    """.replace("\n", "")
    .replace("    ", "")
    .split("|"),
)
OS_FAMILIES = frozenset({"Android", "Chrome OS", "Fedora", "Linux", "Mac OS X", "Ubuntu", "Windows", "iOS", "iPadOS"})
FEATURE_PHONE = re.compile(r"^DoCoMo/|^KDDI-|UP\.Browser|^SoftBank/|^Vodafone/|^J-PHONE/|^Willcom|^emobile/")
TABLET = re.compile(r"iPad|Tablet|PlayBook|Silk/|Kindle|Nexus (?:7|9|10)|SM-[TX]\d|Android(?!.*Mobile)")
MOBILE = re.compile(r"Mobi|iPhone|iPod|Android|Windows Phone")
FROZEN_ANDROID = re.compile(r"Android 10; K\)")
FROZEN_WINDOWS = re.compile(r"Windows NT 10\.0")
FROZEN_MAC = re.compile(r"Mac OS X 10[_.]15")
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
    return Parser(RegexResolver(load_builtins()))


def reduce_user_agents(agents: pl.Series, bots: Sequence[tuple[str, str]]) -> pl.DataFrame:
    """Families of distinct user agents, aligned with the input; one column for each of PARTS.

    bots: (pattern, family) pairs, the first that matches decides; bot_family is null for people. Versions that browsers
    freeze (Android 10; K, Windows NT 10.0, macOS 10.15) are null: unknown, never wrong.
    """
    declared = [(re.compile(pattern), family) for pattern, family in bots]
    rows = [_reduce(agent, declared) for agent in agents.to_list()]
    return pl.DataFrame(rows, schema=PARTS, orient="row")


def _reduce(agent: str | None, bots: Sequence[tuple[re.Pattern[str], str]]) -> tuple[object, ...]:
    if not agent or agent == "-":
        return UNKNOWN, None, UNKNOWN, None, UNKNOWN, None
    text = agent[:MAXIMUM_LENGTH]
    found = _parser().parse(text)
    bot = next((family for pattern, family in bots if pattern.search(text)), None)
    if bot is None and found.device is not None and found.device.family == "Spider":
        bot = "other"
    return *_browser(found), *_system(found, text), _device_class(text, bot), bot


def _browser(found: Result) -> tuple[str, int | None]:
    if found.user_agent is None:
        return UNKNOWN, None
    if found.user_agent.family not in BROWSER_FAMILIES:
        return OTHER, None
    return found.user_agent.family, _major(found.user_agent.major)


def _system(found: Result, text: str) -> tuple[str, int | None]:
    if found.os is None:
        return UNKNOWN, None
    if found.os.family not in OS_FAMILIES:
        return OTHER, None
    frozen = any(pattern.search(text) for pattern in (FROZEN_ANDROID, FROZEN_WINDOWS, FROZEN_MAC))
    return found.os.family, None if frozen else _major(found.os.major)


def _major(version: str | None) -> int | None:
    return int(version) if version and version.isascii() and version.isdigit() and len(version) <= 4 else None


def _device_class(text: str, bot: str | None) -> str:
    if bot is not None:
        return "bot"
    if FEATURE_PHONE.search(text):
        return "feature_phone"
    if TABLET.search(text):
        return "tablet"
    return "mobile" if MOBILE.search(text) else "desktop"
