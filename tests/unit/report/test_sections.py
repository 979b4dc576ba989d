"""What the sections say of marts, and what they leave unsaid."""

from collections.abc import Mapping

import polars as pl
import pytest

from pipelines.contracts.model import load_catalogue
from pipelines.report.charts import MOST_ROWS, shorten
from pipelines.report.figures import Ranked, split_weeks
from pipelines.report.page import READS, TELLERS, write_page
from pipelines.report.parts import Chart, Section
from pipelines.report.sections.members import tell_members
from pipelines.report.sections.operations import tell_deletions, tell_quality
from pipelines.report.sections.satisfaction import tell_satisfaction
from pipelines.report.sections.search import tell_search
from pipelines.report.sections.security import tell_security
from pipelines.report.sections.usage import tell_usage
from pipelines.report.wording import Wording
from pipelines.settings import REPOSITORY
from tests.pages.handmade import BUILT_AT, LONG, WEEK, every_mart

EN = Wording("en")
MARTS = every_mart()


def chart_of(section: Section | None, title: str) -> Chart:
    assert section is not None
    (chart,) = [chart for chart in section.charts if chart.title == title]
    return chart


def without(days: int) -> Mapping[str, pl.DataFrame]:
    return {"usage_daily": MARTS["usage_daily"].head(14 - days)}


def test_every_column_that_the_page_reads_is_in_the_contract_of_its_mart():
    contracts = {contract.name: contract for contract in load_catalogue(REPOSITORY / "data_contracts").layer("marts")}
    for mart in READS.keys() & contracts.keys():
        columns = {column.name for column in contracts[mart].columns}
        # These are newer than the first versions of their marts.
        assert set(READS[mart]) - columns <= {"ces_low", "ces_high", "response_rate"}, mart
        assert contracts[mart].properties["periodColumn"] == READS[mart][0]


def test_handmade_marts_have_the_columns_that_the_page_reads():
    assert {mart: set(frame.columns) >= set(READS[mart]) for mart, frame in MARTS.items()} == dict.fromkeys(READS, True)


def test_every_mart_alone_makes_a_page_and_none_makes_one_too():
    for mart in MARTS:
        assert "<h2" in write_page({mart: MARTS[mart]}, WEEK, EN, BUILT_AT)
    assert [tell({}, WEEK, EN) for tell in TELLERS] == [None] * len(TELLERS)


def test_visits_are_summed_over_days_and_visitors_never_are():
    section = tell_usage(MARTS, WEEK, EN)
    assert section is not None
    values = {headline.label: headline.value for headline in section.headlines}
    rows = split_weeks(MARTS["usage_daily"], WEEK).now
    assert values["Visits"] == f"{rows['visits'].sum():,}"
    assert values["Visitors a day"] == f"{rows['visitors'].mean():,.0f}"


def test_rates_over_the_week_weigh_each_day_by_its_visits():
    rows = split_weeks(MARTS["usage_daily"], WEEK)
    expected = (rows.now["bounce_rate"] * rows.now["visits"]).sum() / rows.now["visits"].sum()
    assert rows.weighted("bounce_rate", "visits").now == pytest.approx(expected)


def test_sums_of_an_unfinished_week_are_not_compared_and_the_page_says_so():
    section = tell_usage(without(days=2), WEEK, EN)
    assert section is not None
    assert section.sentences[0].endswith("visits.")
    assert section.notes[0].startswith("Only 5 of 7 days have figures")
    assert next(headline for headline in section.headlines if headline.label == "Visits").note == ""


def test_table_below_a_chart_holds_every_day_of_both_weeks():
    chart = chart_of(tell_usage(MARTS, WEEK, EN), "Visits")
    assert len(chart.table.rows) == 7
    assert all(len(row) == len(chart.table.columns) for row in chart.table.rows)
    assert chart.table.rows[0] == ("Mon, Nov 16", "1,675", "1,416")


def test_what_is_too_long_for_a_chart_stands_whole_in_its_table():
    chart = chart_of(tell_search(MARTS, WEEK, EN), "What many people searched for")
    assert LONG not in chart.svg
    assert LONG in [row[0] for row in chart.table.rows]


def test_withheld_scores_are_shown_as_withheld_with_the_reason():
    section = tell_satisfaction(MARTS, WEEK, EN)
    rows = {row[0]: row for row in chart_of(section, "Satisfied (CSAT)").table.rows}
    assert rows["purchase-2026"][2:4] == ("72%", "66%–77%")
    assert rows["support-2026"][1:4] == ("21", "withheld: under 30 answers", "–")
    assert rows["relationship-2026"][1:3] == ("–", "withheld: too few people")
    assert "withheld: under 30 answers" in chart_of(section, "Satisfied (CSAT)").svg


def test_segment_withheld_for_another_ones_sake_says_so():
    chart = chart_of(tell_satisfaction(MARTS, WEEK, EN), "Satisfied (CSAT) by segment")
    reasons = {row[0]: row[2] for row in chart.table.rows}
    assert reasons["purchase-2026 · Sellers"] == "withheld: under 30 answers"
    assert reasons["purchase-2026 · Both"] == "withheld: protects another"


def test_rounded_count_at_the_limit_names_no_reason_that_may_be_wrong():
    rows = MARTS["satisfaction_by_segment_weekly"].with_columns(csat_count=pl.lit(30))
    marts = {"satisfaction_weekly": MARTS["satisfaction_weekly"], "satisfaction_by_segment_weekly": rows}
    chart = chart_of(tell_satisfaction(marts, WEEK, EN), "Satisfied (CSAT) by segment")
    assert {row[2] for row in chart.table.rows} == {"75%", "withheld: few answers"}


def test_figures_that_the_mart_of_abuse_withholds_are_left_out():
    section = tell_security(MARTS, WEEK, EN)
    assert section is not None
    assert [headline.label for headline in section.headlines] == [
        "Refused logins",
        "Requests of a client (median)",
        "Devices of a member",
    ]
    assert chart_of(section, "Members with a refused login").table.rows[3][1] == "–"


def test_survey_that_does_not_ask_a_question_has_no_row_for_it():
    rows = MARTS["satisfaction_weekly"].with_columns(nps=None, nps_low=None, nps_high=None, nps_count=pl.lit(0))
    section = tell_satisfaction({"satisfaction_weekly": rows}, WEEK, EN)
    assert section is not None
    assert [chart.title for chart in section.charts] == ["Satisfied (CSAT)", "Ease, 1 to 7 (CES)"]


def test_figures_over_two_key_periods_are_shown_as_withheld():
    section = tell_members(MARTS, WEEK, EN)
    assert section is not None
    values = {headline.label: headline.value for headline in section.headlines}
    assert values["In 28 days"] == values["Stickiness"] == "withheld"
    assert values["In 7 days"] == "1,853"
    assert section.sentences == ()


def test_lines_that_were_all_stored_are_said_to_be_and_not_drawn():
    clean = MARTS["data_quality_daily"].with_columns(
        pl.col("read_count").alias("accepted_count"), rejected_count=0, duplicate_count=0, suppressed_count=0
    )
    section = tell_quality({"data_quality_daily": clean}, WEEK, EN)
    assert section is not None
    assert section.charts == ()
    assert section.sentences[-1] == "Every line was stored."


def test_months_of_few_completed_requests_keep_the_rows_erased_to_themselves():
    rows = chart_of(tell_deletions(MARTS, WEEK, EN), "Requests by month").table.rows
    assert [row[-1] for row in rows] == ["withheld"] * 3 + ["1,490"] * 3


def test_dimension_shows_its_greatest_values_then_one_for_the_rest_then_the_merged():
    ranked = [Ranked(f"v{n}", 20 - n, 0.05, 0.04) for n in range(MOST_ROWS + 3)] + [Ranked("(other)", 99, 0.55, 0.64)]
    shown = shorten(ranked)
    assert [row.value for row in shown] == [*(f"v{n}" for n in range(MOST_ROWS)), "", "(other)"]
    assert sum(row.share for row in shown) == pytest.approx(1)
    assert sum(row.measure for row in shown) == sum(row.measure for row in ranked)


def test_page_without_figures_names_the_newest_day_that_has_some():
    page = write_page({"usage_daily": without(days=7)["usage_daily"].tail(3)}, WEEK, EN, BUILT_AT)
    assert "Nothing to show for this week yet" in page
    assert "The newest day with visits is November 15, 2026" in page
