"""What browsers say of themselves in client hints, weighed against their agents; where the two differ, unknown.

Sec-CH-UA and its kin by the User-Agent Client Hints draft (wicg.github.io/ua-client-hints), as structured fields.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import astuple, dataclass, replace

import polars as pl

from anonymization.distinct import Rows, map_distinct
from anonymization.user_agent import PARTS, UNKNOWN, reduce_user_agents

HINTS = ("ch_ua", "ch_ua_platform", "ch_ua_platform_version", "ch_ua_mobile")
BETWEEN = "\x1f"
MAXIMUM_LENGTH = 512
TEXT = r'"((?:[^"\\]|\\.)*)"'
MEMBER = rf"{TEXT}; *v={TEXT}"
BRAND, BRAND_LIST = re.compile(MEMBER), re.compile(rf"{MEMBER}(?:[ \t]*,[ \t]*{MEMBER}){{0,15}}")
VERSION = re.compile(r"([0-9]{1,3})(?:\.([0-9]{1,5}))?(?:\.[0-9.]{0,20})?")

ENGINE, HEADLESS = "Chromium", "HeadlessChrome"
# A brand and its families on a desktop and on a telephone. Every other brand may be grease, which says nothing.
FAMILIES: Mapping[str, tuple[str, str]] = {
    "Brave": ("Brave", "Brave"),
    "Google Chrome": ("Chrome", "Chrome Mobile"),
    "Microsoft Edge": ("Edge", "Edge Mobile"),
    "Opera": ("Opera", "Opera Mobile"),
    "Samsung Internet": ("Samsung Internet", "Samsung Internet"),
    "Vivaldi": ("Vivaldi", "Vivaldi"),
    "YaBrowser": ("Yandex Browser", "Yandex Browser"),
}
GENERIC = FAMILIES["Google Chrome"]  # what an agent says of any browser on that engine that hides its name
OTHER_ENGINES = frozenset(
    {
        *("Chrome Mobile iOS", "Firefox", "Firefox Mobile", "Firefox iOS", "IE", "IE Mobile", "Mobile Safari"),
        *("Mobile Safari UI/WKWebView", "NetFront", "Opera Mini", "Safari", "UP.Browser", "YJApp-IOS"),
    }
)
# Each platform and the systems that its agents name.
SYSTEMS: Mapping[str, tuple[str, ...]] = {
    "Android": ("Android",),
    "Chrome OS": ("Chrome OS",),
    "Chromium OS": ("Chrome OS",),
    "Linux": ("Linux", "Ubuntu", "Fedora"),
    "Windows": ("Windows",),
    "iOS": ("iOS", "iPadOS"),
    "macOS": ("Mac OS X",),
}
DEVICES: Mapping[str | None, tuple[str, ...]] = {"?0": ("desktop", "tablet"), "?1": ("mobile",)}


@dataclass(frozen=True, slots=True)
class Agent:
    """What is told of one agent, in the order of PARTS."""

    browser_family: str
    browser_major: int | None
    os_family: str
    os_major: int | None
    device_class: str
    bot_family: str | None


def reduce_agents(rows: Rows, names: Sequence[str], bots: Sequence[tuple[str, str]]) -> pl.DataFrame:
    """Columns PARTS of every row: its agent, the first named column, as the hints in the others refine it.

    Each combination is worked out once. Who writes BETWEEN into a hint spoils what is told of themselves only.
    """
    name, *others = names
    hints = [hint for hint in others if rows.frame[hint].null_count() < rows.frame.height]
    if not hints:
        return rows.encode(name).map(lambda agents: reduce_user_agents(agents, bots))

    def reduce(texts: pl.Series) -> pl.DataFrame:
        parts = texts.str.splitn(BETWEEN, len(hints) + 1).struct.unnest()
        parts.columns = [*hints, name]
        return refine_agents(reduce_user_agents(parts[name], bots), parts)

    together = pl.concat_str([pl.col(part).fill_null("") for part in (*hints, name)], separator=BETWEEN)
    return map_distinct(rows.frame.select(together.alias("together"))["together"], reduce)


def refine_agents(reduced: pl.DataFrame, hints: pl.DataFrame) -> pl.DataFrame:
    """Reduced agents, columns PARTS, as their hints refine them; rows aligned, hints in any of the columns HINTS.

    A hint that is missing or cannot be read says nothing, and what the agent leaves unknown stays so. Declared bots are
    not refined; a headless browser that its agent hides is a bot.
    """
    columns = [hints[name].to_list() if name in hints.columns else [None] * hints.height for name in HINTS]
    agents = [
        _refine(Agent(*agent), *(None if text and len(text) > MAXIMUM_LENGTH else text for text in texts))
        for agent, *texts in zip(reduced.select(*PARTS).iter_rows(), *columns, strict=True)
    ]
    return pl.DataFrame([astuple(agent) for agent in agents], schema=PARTS, orient="row")


def _refine(
    agent: Agent, brand_list: str | None, platform: str | None, platform_version: str | None, mobile: str | None
) -> Agent:
    if agent.bot_family is not None:
        return agent
    brands = _read_brands(brand_list)
    if HEADLESS in brands:
        return replace(agent, device_class="bot", bot_family="other")
    browser_family, browser_major = _weigh_browser(agent, brands)
    os_family, os_major = _weigh_system(agent, _read_text(platform), _read_text(platform_version))
    device_class = _weigh_device(agent.device_class, mobile)
    return Agent(browser_family, browser_major, os_family, os_major, device_class, None)


def _weigh_browser(agent: Agent, brands: Mapping[str, int | None]) -> tuple[str, int | None]:
    told = agent.browser_family, agent.browser_major
    named = [brand for brand in brands if brand in FAMILIES]
    if not named and ENGINE not in brands:
        return told
    if agent.browser_family in OTHER_ENGINES or len(named) > 1:
        return UNKNOWN, None
    if not named:
        return (ENGINE, brands[ENGINE]) if agent.browser_family in GENERIC else told
    families, major = FAMILIES[named[0]], brands[named[0]]
    if agent.browser_family in families:
        return agent.browser_family, _agree(agent.browser_major, major)
    if agent.browser_family in GENERIC:
        return families[GENERIC.index(agent.browser_family)], major
    return UNKNOWN, None


def _weigh_system(agent: Agent, platform: str, version: str) -> tuple[str, int | None]:
    if platform not in SYSTEMS:
        return agent.os_family, agent.os_major
    family = agent.os_family
    if family not in SYSTEMS[platform]:
        return UNKNOWN, None
    numbers = VERSION.fullmatch(version)
    if numbers is None or family not in MAJORS:
        return family, agent.os_major
    return family, _agree(agent.os_major, MAJORS[family](int(numbers[1]), int(numbers[2] or 0)))


def _weigh_device(device_class: str, mobile: str | None) -> str:
    return device_class if mobile not in DEVICES or device_class in DEVICES[mobile] else UNKNOWN


def _agree(told: int | None, hinted: int | None) -> int | None:
    """The version that one of the two tells, and the other does not deny."""
    if told is None or hinted is None:
        return hinted if told is None else told
    return told if told == hinted else None


def _read_brands(text: str | None) -> dict[str, int | None]:
    """Brands and their major versions; none at all where the list is not one."""
    if text is None or not BRAND_LIST.fullmatch(text.strip()):
        return {}
    return {name: _read_major(version) for name, version in BRAND.findall(text)}


def _read_major(version: str) -> int | None:
    numbers = VERSION.fullmatch(version)
    return int(numbers[1]) if numbers else None


def _read_text(text: str | None) -> str:
    return (text or "").strip().removeprefix('"').removesuffix('"')


def _name_windows(first: int, second: int) -> int | None:
    """Windows tells the version of its API contract: 0.1 to 0.3 are 7, 8 and 8.1, from 13 on it is Windows 11."""
    if first == 0:
        return {1: 7, 2: 8, 3: 8}.get(second)
    return 10 if first <= 10 else 11 if first >= 13 else None


MAJORS: Mapping[str, Callable[[int, int], int | None]] = {
    "Android": lambda first, _: first or None,
    "Mac OS X": lambda first, _: first if first >= 10 else None,
    "Windows": _name_windows,
}
