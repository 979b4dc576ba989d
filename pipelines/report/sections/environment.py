"""What people use to visit."""

from __future__ import annotations

from pipelines.report.charts import HALF, chart_ranking, warn_of_missing_days
from pipelines.report.figures import Marts, Weeks, first_of, share_of_merged, split_weeks
from pipelines.report.parts import Chart, Section
from pipelines.report.weeks import Week
from pipelines.report.wording import UNKNOWN, Wording

DIMENSIONS = ("device_class", "browser_family", "os_family", "language")
READS = {"usage_by_environment_daily": ("event_date", *DIMENSIONS, "page_views")}


def tell_environment(marts: Marts, week: Week, wording: Wording) -> Section | None:
    """Devices, browsers, systems and languages by their shares of page views."""
    if "usage_by_environment_daily" not in marts:
        return None
    weeks = split_weeks(marts["usage_by_environment_daily"], week)
    title = wording.text("environment")
    if weeks.now.is_empty():
        return Section("environment", title, (wording.text("section_empty"),))
    return Section(
        key="environment",
        title=title,
        sentences=_tell_devices(weeks, wording),
        charts=tuple(chart for dimension in DIMENSIONS for chart in _draw(weeks, dimension, wording)),
        notes=(*warn_of_missing_days(weeks, wording), wording.text("environment.note")),
    )


def _tell_devices(weeks: Weeks, wording: Wording) -> tuple[str, ...]:
    ranked = weeks.rank("device_class", "page_views")
    known, merged = first_of(ranked), share_of_merged(ranked)
    if merged > HALF:
        return (wording.text("environment.merged", share=wording.percent(merged)),)
    if not known:
        return ()
    share, name = wording.percent(known[0].share), wording.name(known[0].value)
    return (wording.text("environment.sentence", share=share, name=name),)


def _draw(weeks: Weeks, dimension: str, wording: Wording) -> tuple[Chart, ...]:
    ranked = weeks.rank(dimension, "page_views")

    def name(value: str) -> str:
        return wording.language_name(value) if dimension == "language" and value != UNKNOWN else wording.name(value)

    return chart_ranking(ranked, f"environment.{dimension}", wording, name)
