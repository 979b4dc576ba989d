"""Data Docs of what the gates found: an index and a page for each table, drawn from figures by Great Expectations.

Results come from the ledger, which holds no value of the data; pages load nothing from anywhere.
"""

from __future__ import annotations

import html
import importlib
import secrets
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from functools import cache
from itertools import groupby
from pathlib import Path
from typing import Any

from pipelines.control.quality_results import DayOfRule, RuleFigures, latest_results
from pipelines.quality.gate import describe_limit, import_library
from pipelines.quality.private_page import draw_page

INDEX = "index.html"
BACK = f'<p><a href="{INDEX}">All tables</a></p>'
SECTIONS = "{% for section in sections %}{% set section_loop = loop %}{% include 'section.j2' %}{% endfor %}"
LEFT_OVER_SECONDS = 3600
OF_TABLE = "table"  # rules that are of no column
OVERVIEW = ("Table", "State", "Rows", "Rules", "Broken", "Judged at (UTC)")
HISTORY = ("Day", "Rows", "Runs", "Rules", "Rules broken in some run", "Rules broken in the last run")
KEPT, BROKEN = ("fas", "fa-check-circle", "text-success"), ("fas", "fa-times", "text-danger")


def write_documents(directory: Path, results: Sequence[DayOfRule]) -> None:
    """Write the pages of everything that is kept, each in one step, and remove those of tables that are no more."""
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    pages = draw_documents(results)
    for name, page in pages.items():
        partial = directory / f".{name}.{secrets.token_hex(8)}.partial"
        partial.touch(mode=0o600)
        partial.write_text(page)
        partial.replace(directory / name)
    gone = [path for path in directory.glob("*.html") if path.name not in pages]
    for path in (*gone, *filter(_is_left_over, directory.glob(".*.partial"))):
        path.unlink(missing_ok=True)


def _is_left_over(partial: Path) -> bool:
    """By a process that was killed: writing a page takes no hour."""
    return partial.exists() and time.time() - partial.stat().st_mtime > LEFT_OVER_SECONDS


def draw_documents(results: Sequence[DayOfRule]) -> dict[str, str]:
    """File name and HTML of the index and of each table's page."""
    import_library()
    latest = latest_results(results)
    histories = _group_history(results)
    pages = {_name_page(*table): _draw_table(*table, found, histories[table]) for table, found in latest.items()}
    return {INDEX: _draw_index(latest), **pages}


def _group_history(results: Iterable[DayOfRule]) -> dict[tuple[str, str], list[DayOfRule]]:
    def table(result: DayOfRule) -> tuple[str, str]:
        return result.figures.layer, result.figures.table

    return {name: list(found) for name, found in groupby(sorted(results, key=table), key=table)}


def _name_page(layer: str, table: str) -> str:
    return f"{layer}_{table}.html"


def _draw_table(layer: str, table: str, found: Sequence[DayOfRule], history: Iterable[DayOfRule]) -> str:
    pages = importlib.import_module("great_expectations.render.renderer.page_renderer")
    document = pages.ValidationResultsPageRenderer(run_info_at_end=True).render(_as_validation(layer, table, found))
    document.sections.append(_section("History", _table(HISTORY, list(_list_days(history)))))
    return draw_page(f"{layer}.{table}", BACK + _draw(document))


def _as_validation(layer: str, table: str, found: Sequence[DayOfRule]) -> Any:  # noqa: ANN401 - an untyped library's
    """The judged rules as a result of Great Expectations, of which only figures are known."""
    core = importlib.import_module("great_expectations.core")
    kept = sum(result.figures.passed for result in found)
    counts = {
        "evaluated_expectations": len(found),
        "successful_expectations": kept,
        "unsuccessful_expectations": len(found) - kept,
        "success_percent": 100 * kept / len(found),
    }
    run = {"run_name": str(found[0].judged_on), "run_time": found[0].judged_at.isoformat()}
    return core.ExpectationSuiteValidationResult(
        success=kept == len(found),
        results=[_as_result(core, result.figures) for result in found],
        suite_name=f"{layer}_{table}",
        suite_parameters={},
        statistics=counts,
        meta={
            "run_id": run,
            "great_expectations_version": import_library().__version__,
            "batch_spec": {"data_asset_name": f"{layer}.{table}"},
        },
    )


def _as_result(core: Any, rule: RuleFigures) -> Any:  # noqa: ANN401 - an untyped library's
    configurations = importlib.import_module("great_expectations.expectations.expectation_configuration")
    limit = describe_limit(rule.minimum, rule.maximum)
    # The renderer takes a description for HTML.
    told = html.escape(f"{rule.description} ({rule.rule}: must be {limit} {rule.unit}, {rule.severity})")
    column = rule.rule.partition("__")[0]
    configuration = configurations.ExpectationConfiguration(
        type="expect_column_max_to_be_between",
        kwargs={"column": OF_TABLE if column.startswith("_") else column},
        severity=rule.severity,
        description=told,
    )
    observed = {"observed_value": f"{rule.observed:.12g} {rule.unit}"}
    return core.ExpectationValidationResult(success=rule.passed, expectation_config=configuration, result=observed)


def _list_days(history: Iterable[DayOfRule]) -> Iterator[list[Any]]:
    def day(result: DayOfRule) -> date:
        return result.judged_on

    for judged_on, results in groupby(sorted(history, key=day, reverse=True), key=day):
        found = list(results)
        failed = sum(result.failed_count > 0 for result in found)
        broken = sum(not result.figures.passed for result in found)
        runs, rows = max(result.judged_count for result in found), max(result.figures.row_count for result in found)
        yield [str(judged_on), rows, runs, len(found), failed, broken]


def _draw_index(latest: Mapping[tuple[str, str], Sequence[DayOfRule]]) -> str:
    render = importlib.import_module("great_expectations.render")
    rows = [_summarize(layer, table, found) for (layer, table), found in latest.items()]
    return draw_page(
        "What the gates found",
        _draw(render.RenderedDocumentContent(sections=[_section("Overview", _table(OVERVIEW, rows))])),
    )


def _summarize(layer: str, table: str, found: Sequence[DayOfRule]) -> list[Any]:
    broken = sum(not result.figures.passed for result in found)
    rows = max(result.figures.row_count for result in found)
    judged_at = f"{found[0].judged_at:%Y-%m-%d %H:%M}"
    return [_link(f"{layer}.{table}", _name_page(layer, table)), _icon(broken), rows, len(found), broken, judged_at]


def _icon(broken: int) -> Any:  # noqa: ANN401 - an untyped library's
    return _styled("", "i", {"classes": list(BROKEN if broken else KEPT)})


def _link(text: str, target: str) -> Any:  # noqa: ANN401 - an untyped library's
    return _styled(text, "a", {"attributes": {"href": target}})


def _styled(text: str, tag: str, styling: dict[str, Any]) -> Any:  # noqa: ANN401 - an untyped library's
    render = importlib.import_module("great_expectations.render")
    return render.RenderedStringTemplateContent(string_template={"template": text, "tag": tag, "styling": styling})


def _table(header: Sequence[str], rows: Sequence[Sequence[Any]]) -> Any:  # noqa: ANN401 - an untyped library's
    render = importlib.import_module("great_expectations.render")
    return render.RenderedTableContent(header_row=list(header), table=[list(row) for row in rows])


def _section(name: str, block: Any) -> Any:  # noqa: ANN401 - an untyped library's
    render = importlib.import_module("great_expectations.render")
    header = render.RenderedHeaderContent(header=name, styling={"header": {"classes": ["alert"]}})
    return render.RenderedSectionContent(section_name=name, content_blocks=[header, block])


def _draw(document: Any) -> str:  # noqa: ANN401 - an untyped library's
    """The sections of a document by the library's own templates, without the page that it puts around them."""
    return str(_sections_template().render(document.to_json_dict()))


@cache
def _sections_template() -> Any:  # noqa: ANN401 - an untyped library's
    views = importlib.import_module("great_expectations.render.view")
    return views.DefaultJinjaPageView().env.from_string(SECTIONS)
