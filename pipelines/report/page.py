"""The page itself: sections of the week, written as one HTML document that loads nothing."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Callable
from datetime import date, datetime
from functools import cache
from pathlib import Path

import jinja2

from pipelines.report.figures import Marts
from pipelines.report.parts import Section
from pipelines.report.sections import environment, members, operations, satisfaction, search, security, traffic, usage
from pipelines.report.weeks import Week
from pipelines.report.wording import Wording

Teller = Callable[[Marts, Week, Wording], Section | None]
TELLERS: tuple[Teller, ...] = (
    usage.tell_usage,
    environment.tell_environment,
    traffic.tell_sources,
    traffic.tell_pages,
    members.tell_members,
    search.tell_search,
    satisfaction.tell_satisfaction,
    security.tell_security,
    operations.tell_quality,
    operations.tell_deletions,
)
# The columns that the page reads of each mart, its period first.
READS = {
    mart: columns
    for module in (usage, environment, traffic, members, search, satisfaction, security, operations)
    for mart, columns in module.READS.items()
}
OPENING = re.compile(r'<svg [^>]*?width="(\d+)" height="(\d+)" viewBox="([0-9 .-]+)">')


def write_page(marts: Marts, week: Week, wording: Wording, built_at: datetime) -> str:
    """The whole page of a week; a section for each mart that is given, a kind word when none has anything to say."""
    told = [section for tell in TELLERS if (section := tell(marts, week, wording))]
    sections = told if any(section.charts for section in told) else []
    style = _read("page.css")
    return _template().render(
        wording=wording,
        week=week,
        sections=sections,
        newest=_find_newest(marts),
        built_at=built_at,
        style=style,
        style_digest=base64.b64encode(hashlib.sha256(style.encode()).digest()).decode(),
    )


def frame_svg(svg: str, key: str) -> tuple[str, str]:
    """The opening tag of a drawing as an image that its title and text name, and its content, hidden from readers."""
    opening = OPENING.match(svg)
    if opening is None:
        raise ValueError("the drawing is no svg element with a size")
    width, height, box = opening.groups()
    named = f'role="img" aria-labelledby="{key}-title {key}-text" viewBox="{box}" width="{width}" height="{height}"'
    content = svg[opening.end() :].removesuffix("</svg>")
    return f'<svg xmlns="http://www.w3.org/2000/svg" class="chart" {named}>', content


def _find_newest(marts: Marts) -> date | None:
    """The last day with visits that the warehouse tells of."""
    usage_daily = marts.get("usage_daily")
    newest = None if usage_daily is None else usage_daily["event_date"].max()
    return newest if isinstance(newest, date) else None


@cache
def _template() -> jinja2.Template:
    house = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    house.globals["frame_svg"] = frame_svg
    return house.get_template("page.html.j2")


def _read(name: str) -> str:
    return Path(__file__).with_name(name).read_text(encoding="utf-8")
