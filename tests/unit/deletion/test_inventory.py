"""Nothing lies below the home or in the lake that is neither declared nor of the house's own making, or it is named."""

from pathlib import Path

import pytest

from pipelines.contracts.model import Catalogue
from pipelines.control.ledger import open_ledger
from pipelines.deletion.inventory import find_undeclared
from pipelines.errors import UndeclaredDataError
from pipelines.lake.layout import open_lake, open_table
from pipelines.settings import Settings, load_settings, prepare_home

BUCKET = "lake/page_views/event_date=2026-11-20/subject_bucket=0"


@pytest.fixture
def settings(tmp_path: Path, catalogue: Catalogue) -> Settings:
    """A prepared home with its ledger and the log of one table."""
    settings = load_settings({"TOKUMEI_HOME": str(tmp_path / "home")})
    prepare_home(settings)
    open_ledger(settings.control_url).dispose()
    open_table(open_lake(settings.lake_uri), catalogue.get("lake", "page_views"))
    return settings


def search(settings: Settings, catalogue: Catalogue) -> list[str]:
    return [item.place for item in find_undeclared(settings, catalogue, open_lake(settings.lake_uri))]


def write(settings: Settings, place: str, content: bytes = b"x") -> Path:
    path = settings.home / place
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def test_prepared_home_is_of_the_house(settings: Settings, catalogue: Catalogue):
    assert search(settings, catalogue) == []


@pytest.mark.parametrize(
    "place",
    [
        "control.db-journal",
        "control.db-access.lock",
        "reports/access/6f0c7a52-2b0e-5d6b-9c1e-6c1f3b0a9d11.json",
        "reports/access/.6f0c7a52-2b0e-5d6b-9c1e-6c1f3b0a9d11.html.x1y2z3.tmp",
        "keys/keyring.json",
        "keys/.keyring.json.new",
        "keys/certificate_signing_key.pem",
        "keys/.certificate_signing_key.pem.new",
        "keys/visitor_keys.json",
        "keys/quarantine_keys.json",
        "keys/history.jsonl",
        "keys/.lock",
        "warehouse/tokumei.duckdb",
        "warehouse/tokumei.duckdb.0123456789abcdef.building",
        "warehouse/tokumei.duckdb.0123456789abcdef.building.wal",
        "warehouse/parquet/usage_daily.parquet",
        "warehouse/parquet.0123456789abcdef.building/usage_daily.parquet",
        "warehouse/spill/duckdb_temp_storage-0.tmp",
        "warehouse/tokumei.duckdb.tmp/duckdb_temp_storage-0.tmp",
        "certificates/5f0c7a52-2b0e-5d6b-9c1e-6c1f3b0a9d11.jws",
        "certificates/signing_keys.jwks",
        "certificates/.lock",
        "certificates/.abcdefgh.tmp",
        "airflow/logs/dag_id=ingest_logs/attempt=1.log",
        "landing/access/2026/11/app.log.gz.part",
        f"{BUCKET}/part-5f0c7a52-2b0e-5d6b-9c1e-6c1f3b0a9d11.parquet",
        f"{BUCKET}/part-5f0c7a52-2b0e-5d6b-9c1e-6c1f3b0a9d11.parquet#1",
        "lake/page_views/_delta_log/00000000000000000007.json",
        "lake/page_views/_delta_log/00000000000000000007.checkpoint.parquet#1",
        "reports/quality/index.html",
        "reports/quality/lake_page_views.html",
        "reports/quality/.lake_page_views.html.0f3a.partial",
        "lake/page_views/_delta_log/_last_checkpoint",
        "lake/page_views/_delta_log/_commit_5f0c7a52-2b0e-5d6b-9c1e-6c1f3b0a9d11.json.tmp",
    ],
)
def test_what_the_house_makes_is_known(settings: Settings, catalogue: Catalogue, place: str):
    write(settings, place)
    assert search(settings, catalogue) == []


@pytest.mark.parametrize(
    ("place", "named"),
    [
        ("export.csv", "export.csv"),
        ("backup/control.db", "backup"),
        ("control.db.bak", "control.db.bak"),
        ("control-copy.db", "control-copy.db"),
        ("copied.lock", "copied.lock"),
        ("warehouse/tokumei-old.duckdb", "warehouse/tokumei-old.duckdb"),
        ("warehouse/parquet/page_views.parquet", "warehouse/parquet/page_views.parquet"),
        ("warehouse/parquet/usage_daily.parquet.bak", "warehouse/parquet/usage_daily.parquet.bak"),
        ("warehouse/analyst/page_views.parquet", "warehouse/analyst"),
        ("keys/keyring-old.json", "keys/keyring-old.json"),
        ("keys/page_views.parquet", "keys/page_views.parquet"),
        ("certificates/page_views.parquet", "certificates/page_views.parquet"),
        ("reports/export.csv", "reports/export.csv"),
        ("reports/access/export.json", "reports/access/export.json"),
        ("reports/quality/page_views.csv", "reports/quality/page_views.csv"),
        ("landing/payments/app.log", "landing/payments"),
        ("landing/app.log", "landing/app.log"),
        ("lake/page_views_backup/part-0.parquet", "lake/page_views_backup"),
        ("lake/page_views.parquet", "lake/page_views.parquet"),
        ("lake/page_views/copy/part-0.parquet", "lake/page_views/copy"),
        ("lake/page_views/backup.parquet", "lake/page_views/backup.parquet"),
        (f"{BUCKET}/backup.parquet", f"{BUCKET}/backup.parquet"),
        (f"{BUCKET}/more=1/part-0.parquet", f"{BUCKET}/more=1"),
        ("lake/page_views/_delta_log/copy.json", "lake/page_views/_delta_log/copy.json"),
    ],
)
def test_what_nobody_declared_is_named(settings: Settings, catalogue: Catalogue, place: str, named: str):
    write(settings, place)
    assert search(settings, catalogue) == [named.removeprefix("lake/")]


def test_directory_that_nobody_declared_is_named_even_when_it_is_empty(settings: Settings, catalogue: Catalogue):
    (settings.home / "lake" / "page_views_backup").mkdir()
    (settings.home / "old").mkdir()
    assert search(settings, catalogue) == ["old", "page_views_backup"]


def test_link_out_of_the_home_is_named(settings: Settings, catalogue: Catalogue, tmp_path: Path):
    (settings.home / "elsewhere").symlink_to(tmp_path)
    (settings.home / "nowhere").symlink_to(tmp_path / "gone")
    assert search(settings, catalogue) == ["elsewhere", "nowhere"]


@pytest.mark.parametrize("place", ["lake", "warehouse", "keys", "landing", "airflow"])
def test_link_in_the_place_of_a_directory_is_named_for_the_scan_does_not_follow_it(
    settings: Settings, catalogue: Catalogue, tmp_path: Path, place: str
):
    (settings.home / place).rename(tmp_path / "moved")
    (settings.home / place).symlink_to(tmp_path / "moved")
    assert search(settings, catalogue) == [place]


def test_link_in_the_lake_is_named(settings: Settings, catalogue: Catalogue, tmp_path: Path):
    file = write(settings, f"{BUCKET}/part-1.parquet")
    file.rename(tmp_path / "part-1.parquet")
    file.symlink_to(tmp_path / "part-1.parquet")
    (tmp_path / "searches").mkdir()
    (settings.home / "lake" / "searches").symlink_to(tmp_path / "searches")
    assert search(settings, catalogue) == [f"{BUCKET.removeprefix('lake/')}/part-1.parquet", "searches"]


def test_home_may_be_given_by_a_link(settings: Settings, catalogue: Catalogue, tmp_path: Path):
    (tmp_path / "linked").symlink_to(settings.home)
    linked = load_settings({"TOKUMEI_HOME": str(tmp_path / "linked"), "TOKUMEI_CONTROL_URL": settings.control_url})
    assert search(linked, catalogue) == []


def test_lock_without_a_byte_is_no_copy(settings: Settings, catalogue: Catalogue):
    write(settings, "maintenance.lock", b"")
    write(settings, "lake/maintenance.lock", b"")
    assert search(settings, catalogue) == []


def test_what_settings_point_to_is_known_wherever_it_lies(settings: Settings, catalogue: Catalogue):
    for place in ("canaries.txt", "countries/city.mmdb", "secrets/keys.json", "data/ledger.sqlite", "mine/a.odcs.yaml"):
        write(settings, place)
    assert search(settings, catalogue) == ["canaries.txt", "countries", "data", "mine", "secrets"]
    home = settings.home
    pointing = load_settings(
        {
            "TOKUMEI_HOME": str(home),
            "TOKUMEI_CANARIES": str(home / "canaries.txt"),
            "TOKUMEI_COUNTRY_DATABASE": str(home / "countries/city.mmdb"),
            "TOKUMEI_KEYRING_SOURCE": f"file:{home}/secrets/keys.json",
            "TOKUMEI_CONTROL_URL": f"sqlite:///{home}/data/ledger.sqlite",
            "TOKUMEI_CONTRACTS": str(home / "mine"),
        }
    )
    assert search(pointing, catalogue) == ["control.db"], "a ledger that is not in use is a copy of one"


def test_lake_elsewhere_is_searched_and_landing_elsewhere_is_others_business(
    settings: Settings, catalogue: Catalogue, tmp_path: Path
):
    variables = {"TOKUMEI_LAKE_URI": str(tmp_path / "lake"), "TOKUMEI_LANDING_URI": str(tmp_path / "incoming")}
    moved = load_settings({"TOKUMEI_HOME": str(settings.home), **variables})
    for place in ("lake/copied/part-0.parquet", "incoming/somebody/elses.txt"):
        (tmp_path / place).parent.mkdir(parents=True)
        (tmp_path / place).write_text("x")
    (settings.home / "landing").rename(tmp_path / "landing")
    (settings.home / "lake").rename(tmp_path / "old lake")
    assert search(moved, catalogue) == ["copied"]


def test_lake_that_cannot_be_listed_is_not_taken_for_empty(settings: Settings, catalogue: Catalogue):
    (settings.home / "lake").rename(settings.home / "warehouse" / "spill")
    write(settings, "lake")
    with pytest.raises(UndeclaredDataError, match="cannot be listed as a whole"):
        search(settings, catalogue)
