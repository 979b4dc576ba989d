"""What fraud prevention watches."""

from __future__ import annotations

from pipelines.report.charts import chart_days, show_count, show_rate, warn_of_missing_days
from pipelines.report.figures import Marts, Pair, Weeks, split_weeks
from pipelines.report.parts import Headline, Section
from pipelines.report.weeks import Week
from pipelines.report.wording import Wording

READS = {
    "security_daily": (
        "event_date", "event_count", "login_failure_count", "accounts_with_login_failures", "accounts",
        "mean_devices_per_account", "median_events_per_client", "datacentre_share",
    )
}  # fmt: skip
CHARTS = {"login_failure_count": "security.login_failures", "accounts_with_login_failures": "security.accounts"}


def tell_security(marts: Marts, week: Week, wording: Wording) -> Section | None:
    """Refused logins by day, requests of a client, devices of a member, and the share of datacentres."""
    if "security_daily" not in marts:
        return None
    weeks = split_weeks(marts["security_daily"], week)
    title = wording.text("security")
    if weeks.now.is_empty():
        return Section("security", title, (wording.text("section_empty"),))
    return Section(
        key="security",
        title=title,
        sentences=_tell_refusals(weeks.total("login_failure_count"), wording),
        headlines=_show_figures(weeks, wording),
        charts=tuple(chart for column, name in CHARTS.items() for chart in chart_days(weeks, column, name, wording)),
        notes=(*warn_of_missing_days(weeks, wording), wording.text("security.note")),
    )


def _tell_refusals(failures: Pair, wording: Wording) -> tuple[str, ...]:
    count, change = wording.count(failures.now), wording.change(failures.now, failures.before)
    if not change:
        return (wording.text("security.sentence", count=count),)
    return (wording.text("security.sentence_compared", count=count, change=change),)


def _show_figures(weeks: Weeks, wording: Wording) -> tuple[Headline, ...]:
    """Those that the mart tells: it withholds what few people would show, or where nothing is known."""
    figures = (
        (weeks.total("login_failure_count"), "security.login_failures", show_count),
        (weeks.mean("median_events_per_client"), "security.events", _show_mean),
        (weeks.weighted("mean_devices_per_account", "accounts"), "security.devices", _show_mean),
        (weeks.weighted("datacentre_share", "event_count"), "security.datacentre_share", show_rate),
    )
    return tuple(show(pair, label, wording) for pair, label, show in figures if pair.now is not None)


def _show_mean(pair: Pair, label: str, wording: Wording) -> Headline:
    return Headline(wording.text(label), wording.decimal(pair.now), wording.change(pair.now, pair.before))
