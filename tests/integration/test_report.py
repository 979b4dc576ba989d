"""The week's page from a warehouse that was really built: which rows it reads, and how its file comes to lie there."""

import re
import subprocess
import sys
from datetime import date, timedelta
from pathlib import Path

import pytest

from pipelines.deletion.inventory import WEEKLY_PAGE
from pipelines.errors import ConfigurationError, HomeUnwritableError
from pipelines.journeys.report import name_report, report
from pipelines.report.release import release_page
from pipelines.report.weeks import find_week
from pipelines.settings import Settings, load_settings
from pipelines.warehouse.query import read_periods
from tests.integration.warehouses import MONDAY, build, busy_inputs, inputs_from, publish, view


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """An installation of which nothing is left but the published warehouse of ten days."""
    settings = load_settings({"TOKUMEI_HOME": str(tmp_path_factory.mktemp("report") / "home")})
    publish(build(settings.warehouse_directory, busy_inputs(days=10)))
    return settings


def test_page_is_made_of_the_warehouse_alone_and_is_private(settings: Settings):
    path = report(settings, MONDAY + timedelta(days=3))
    assert path == settings.home / "reports" / "usage-2026-W45.en.html"
    assert (path.stat().st_mode & 0o777, path.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    page = path.read_text()
    assert "People made 280 visits." in page
    assert "camera" in page
    assert "10:45" not in page
    assert "November 22, 2026 19:45" in page  # of the build, as the service's clocks showed it


def test_second_week_is_compared_with_the_first_only_day_by_day(settings: Settings):
    page = report(settings, MONDAY + timedelta(days=7), "ja").read_text()
    assert "7日中3日分のみのため" in page
    assert '<html lang="ja">' in page


def test_no_pseudonym_is_on_the_page(settings: Settings):
    assert b"planted" not in report(settings, MONDAY).read_bytes()


def test_week_without_figures_has_a_page_too(settings: Settings):
    assert "Nothing to show for this week yet" in report(settings, date(2031, 1, 1)).read_text()


def test_mart_that_the_file_does_not_hold_has_no_section(settings: Settings, tmp_path: Path):
    usage = {"usage_daily": ("event_date", "visits", "not_there_yet"), "not_built_yet": ("event_date",)}
    extract = read_periods(settings.warehouse_file, usage, MONDAY, MONDAY + timedelta(days=1))
    assert extract.marts.keys() == {"usage_daily"}
    assert extract.marts["usage_daily"].columns == ["event_date", "visits"]
    assert extract.marts["usage_daily"]["event_date"].to_list() == [MONDAY, MONDAY + timedelta(days=1)]


def test_same_warehouse_gives_the_same_page_and_the_old_one_stays_whole_for_who_reads_it(settings: Settings):
    path = report(settings, MONDAY)
    first = path.read_text()
    with path.open() as reader:
        report(settings, MONDAY)
        assert reader.read() == first
    assert path.read_text() == first
    assert [each.name for each in path.parent.iterdir() if "W45.en" in each.name] == [path.name]


def test_page_goes_where_it_is_told_to(settings: Settings, tmp_path: Path):
    assert report(settings, MONDAY, out=tmp_path / "week.html") == tmp_path / "week.html"
    assert (tmp_path / "week.html").stat().st_mode & 0o777 == 0o600


def test_without_a_warehouse_it_says_what_to_run(tmp_path: Path):
    with pytest.raises(ConfigurationError, match="there is no warehouse"):
        report(load_settings({"TOKUMEI_HOME": str(tmp_path)}))


def test_page_that_cannot_be_written_leaves_nothing_behind(tmp_path: Path):
    (tmp_path / "week.html").mkdir()
    with pytest.raises(HomeUnwritableError, match="the report cannot be written"):
        release_page("page", tmp_path / "week.html")
    assert [each.name for each in tmp_path.iterdir()] == ["week.html"]


def test_deletions_know_the_page_and_what_is_about_to_replace_it(settings: Settings):
    for language in ("en", "ja"):
        name = name_report(settings, find_week(MONDAY), language).name
        assert re.fullmatch(WEEKLY_PAGE, name)
        assert re.fullmatch(WEEKLY_PAGE, f".{name}.x8_1zq0a.tmp")
    assert not re.fullmatch(WEEKLY_PAGE, "usage-2026-W45.en.html.copy")


def test_command_prints_the_path_of_the_page(settings: Settings, tmp_path: Path):
    command = [Path(sys.executable).with_name("tokumei"), "report", "--week", str(MONDAY), "--language", "ja"]
    done = subprocess.run(
        command, env={"TOKUMEI_HOME": str(settings.home)}, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert Path(done.stdout.strip()) == settings.home / "reports" / "usage-2026-W45.ja.html"
    assert Path(done.stdout.strip()).exists()


def test_days_with_page_views_but_no_visitor_draw_no_broken_chart(tmp_path: Path):
    settings = load_settings({"TOKUMEI_HOME": str(tmp_path)})
    late = [{**view(MONDAY, person), "visitor_pseudonym": None} for person in range(3)]
    publish(build(settings.warehouse_directory, inputs_from(page_views=late)))
    page = report(settings, MONDAY).read_text()
    assert "NaN" not in page
    assert "They saw 3 pages." in page
