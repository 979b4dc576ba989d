"""Charts as SVG: Vega-Lite specifications drawn without a browser or the network, text kept as text.

Every chart is drawn for a column of 360 pixels, which is a phone's width and a third of a page's. Colours are those of
the light scheme; the page's style sheet replaces each by its dark counterpart.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import altair as alt
import vl_convert

WIDTH = 352
INK, MUTED, ACCENT, CONTRAST, FAINT, PAPER = "#1c2429", "#56616a", "#1f6391", "#a8480f", "#dfe5e8", "#fdfdfb"
ROW_STEP, COLUMN_HEIGHT = 40, 132
HALOED = ((PAPER, 6), (CONTRAST, 2.5))  # a dash keeps apart from the bar that it lies on


@dataclass(frozen=True, slots=True)
class Column:
    """One period of a column chart: its value, the one to compare it with, and the value as people write it."""

    name: str
    value: float | None
    reference: float | None
    label: str


@dataclass(frozen=True, slots=True)
class Bar:
    """One row of a bar chart."""

    name: str
    value: float
    reference: float | None
    label: str


@dataclass(frozen=True, slots=True)
class Interval:
    """One row of an interval chart; all values None where the figure is withheld, which the label then says."""

    name: str
    value: float | None
    low: float | None
    high: float | None
    reference: float | None
    label: str


@dataclass(frozen=True, slots=True)
class Scale:
    """The axis of an interval chart: its ends, its marks and how marks are written (a d3 format)."""

    low: float
    high: float
    marks: tuple[float, ...]
    format: str


def draw_columns(columns: Sequence[Column]) -> str:
    """Columns side by side, each with its label on top and a dash where the reference lies."""
    rows = [{**asdict(column), "top": _highest(column)} for column in columns]
    highest = max((row["top"] for row in rows), default=0) or 1
    base = alt.Chart(_hold(rows)).encode(
        x=alt.X(
            "name:N",
            sort=[column.name for column in columns],
            title=None,
            axis=_label_axis(),
            scale=alt.Scale(paddingInner=0.34, paddingOuter=0.1),
        )
    )
    height = alt.Scale(domain=[0, highest])
    bars = base.mark_bar(color=ACCENT, cornerRadiusEnd=2).encode(
        y=alt.Y("value:Q", axis=None, scale=height, stack=None)
    )
    dashes = [
        base.mark_tick(color=color, thickness=thickness, width={"band": 1}, opacity=1).encode(
            y=alt.Y("reference:Q", scale=height)
        )
        for color, thickness in HALOED
    ]
    labels = base.mark_text(dy=-9, color=INK, fontSize=12).encode(y=alt.Y("top:Q", scale=height), text="label:N")
    return _draw(alt.layer(bars, *dashes, labels).properties(width=WIDTH, height=COLUMN_HEIGHT))


def draw_bars(bars: Sequence[Bar], whole: float | None = None) -> str:
    """Bars one below the other, each under its name and label, with a dash where the reference lies.

    whole: what the values are shares of, drawn as a track behind each bar; without it the longest bar is full.
    """
    rows = [{**asdict(bar), "place": place} for place, bar in enumerate(bars)]
    highest = whole or max((max(bar.value, bar.reference or 0) for bar in bars), default=0) or 1
    base = alt.Chart(_hold(rows)).encode(y=_row_axis())
    length = alt.Scale(domain=[0, highest])
    track = base.mark_bar(size=8, yOffset=9, color=FAINT, cornerRadius=4).encode(x=alt.value(0), x2=alt.value(WIDTH))
    marks = base.mark_bar(size=8, yOffset=9, color=ACCENT, cornerRadius=4).encode(
        x=alt.X("value:Q", axis=None, scale=length, stack=None)
    )
    dashes = [
        base.mark_tick(size=16, yOffset=9, thickness=thickness, color=color, opacity=1).encode(
            x=alt.X("reference:Q", scale=length)
        )
        for color, thickness in HALOED
    ]
    layers = [*([track] if whole else []), marks, *dashes, *_write_rows(base, 240, 110)]
    return _draw(alt.layer(*layers).properties(width=WIDTH, height=_height(rows)))


def draw_intervals(intervals: Sequence[Interval], scale: Scale) -> str:
    """Values as dots with their intervals as lines, one below the other; a diamond where the reference lies."""
    rows = [{**asdict(interval), "place": place} for place, interval in enumerate(intervals)]
    base = alt.Chart(_hold(rows)).encode(y=_row_axis())
    axis = alt.Axis(
        title=None, values=list(scale.marks), format=scale.format, labelColor=MUTED, labelFontSize=11,
        gridColor=FAINT, domain=False, ticks=False, labelPadding=4,
    )  # fmt: skip
    length = alt.Scale(domain=[scale.low, scale.high], nice=False)
    across = alt.X("low:Q", axis=axis, scale=length)
    lines = base.mark_rule(yOffset=10, strokeWidth=5, strokeCap="round", color=ACCENT, opacity=0.4).encode(
        x=across, x2="high:Q"
    )
    references = base.mark_point(yOffset=10, shape="diamond", size=80, color=CONTRAST, filled=False, opacity=1)
    dots = base.mark_point(yOffset=10, shape="circle", size=90, color=ACCENT, filled=True, opacity=1)
    layers = [
        lines,
        dots.encode(x=alt.X("value:Q", scale=length)),
        references.encode(x=alt.X("reference:Q", scale=length)),
        *_write_rows(base, 180, 168),
    ]
    return _draw(alt.layer(*layers).properties(width=WIDTH, height=_height(rows)))


def _hold(rows: Sequence[Mapping[str, Any]]) -> alt.InlineData:
    """Rows inside the specification, which therefore has nothing to load."""
    data: alt.InlineData = alt.InlineData.from_dict({"values": list(rows)})
    return data


def _highest(column: Column) -> float:
    return max(column.value or 0, column.reference or 0)


def _height(rows: Sequence[object]) -> int:
    return ROW_STEP * max(len(rows), 1)


def _row_axis() -> alt.Y:
    return alt.Y("place:O", axis=None, scale=alt.Scale(padding=0))


def _label_axis() -> alt.Axis:
    return alt.Axis(
        labelAngle=0, labelColor=MUTED, labelFontSize=12, labelPadding=6, domainColor=FAINT, ticks=False, labelLimit=90
    )


def _write_rows(base: alt.Chart, name_width: int, label_width: int) -> tuple[alt.Chart, alt.Chart]:
    """The name of each row at the left above its mark, its label at the right."""
    names = base.mark_text(align="left", dy=-8, color=INK, fontSize=13, limit=name_width)
    labels = base.mark_text(align="right", dy=-8, color=INK, fontSize=13, limit=label_width)
    return names.encode(x=alt.value(0), text="name:N"), labels.encode(x=alt.value(WIDTH), text="label:N")


def _draw(chart: alt.LayerChart | alt.FacetChart) -> str:
    """The chart as an svg element, which says nothing to screen readers: the page names and describes it."""
    config: Mapping[str, Any] = {
        "aria": False,
        "background": None,
        "font": "sans-serif",
        "view": {"stroke": None},
        "padding": {"left": 0, "right": 0, "top": 4, "bottom": 4},
    }
    svg: str = vl_convert.vegalite_to_svg(chart.to_dict(), config=dict(config), allowed_base_urls=[])
    return svg
