"""The ledger's connection: many at once, all or nothing, and errors without values."""

from concurrent.futures import ThreadPoolExecutor

import pytest
import sqlalchemy as sa

from pipelines.control.ledger import open_ledger, plans, touched_dates, transaction
from pipelines.errors import ConfigurationError, StorageBusyError


@pytest.fixture
def url(tmp_path):
    return f"sqlite:///{tmp_path}/control.db"


def test_many_may_open_a_new_ledger_at_once(url):
    with ThreadPoolExecutor(8) as pool:
        engines = list(pool.map(open_ledger, [url] * 8))
    assert all(sa.inspect(engine).has_table("deliveries") for engine in engines)


def test_what_a_transaction_read_still_holds_when_it_writes(url):
    """Eight writers each add one to what they read; without a lock before the first read some would be lost."""
    engine = open_ledger(url)
    with transaction(engine) as connection:
        connection.exec_driver_sql("CREATE TABLE tally (number INTEGER)")
        connection.exec_driver_sql("INSERT INTO tally VALUES (0)")

    def add_one(_: int) -> None:
        with transaction(open_ledger(url)) as connection:
            number = connection.exec_driver_sql("SELECT number FROM tally").scalar_one()
            connection.exec_driver_sql("UPDATE tally SET number = ?", (number + 1,))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(add_one, range(8)))
    with transaction(engine) as connection:
        assert connection.exec_driver_sql("SELECT number FROM tally").scalar_one() == 8


def test_failure_undoes_everything(url):
    engine = open_ledger(url)

    def stumble() -> None:
        with transaction(engine) as connection:
            connection.exec_driver_sql("INSERT INTO touched_dates VALUES ('a', '2026-11-22', 0)")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        stumble()
    with transaction(engine) as connection:
        assert connection.execute(sa.select(sa.func.count()).select_from(touched_dates)).scalar_one() == 0


def test_refused_statement_is_told_without_its_values(url):
    engine = open_ledger(url)

    def insert() -> None:
        with transaction(engine) as connection:
            connection.execute(sa.insert(plans).values(digest="u000000042", document={}, outcome={}))

    with pytest.raises(StorageBusyError) as refused:
        insert()
    assert str(refused.value) == "the control ledger did not answer (IntegrityError); run the step again"


def test_file_that_is_no_database_is_told_so(tmp_path, url):
    (tmp_path / "control.db").write_bytes(b"something else entirely, and long enough to be looked at" * 40)
    with pytest.raises(ConfigurationError, match="the control ledger cannot be used"):
        open_ledger(url)


@pytest.mark.parametrize("url", ["nothing", "unheard-of://host/db", "oracle://host/db"])
def test_url_that_names_no_database_is_refused(url):
    with pytest.raises(ConfigurationError, match="TOKUMEI_CONTROL_URL names no database"):
        open_ledger(url)


def test_deleted_rows_leave_no_bytes_in_the_file(tmp_path, url):
    engine = open_ledger(url)
    with transaction(engine) as connection:
        connection.exec_driver_sql("INSERT INTO touched_dates VALUES ('needle-in-a-page', '2026-11-22', 0)")
    assert b"needle-in-a-page" in (tmp_path / "control.db").read_bytes()
    with transaction(engine) as connection:
        connection.execute(sa.delete(touched_dates))
    assert b"needle-in-a-page" not in (tmp_path / "control.db").read_bytes()


def test_ledger_of_an_earlier_version_is_given_the_columns_that_came_since(url):
    engine = open_ledger(url)
    with transaction(engine) as connection:
        connection.exec_driver_sql("ALTER TABLE deliveries DROP COLUMN late_count")
    again = open_ledger(url)
    with transaction(again) as connection:
        assert "late_count" in {column["name"] for column in sa.inspect(connection).get_columns("deliveries")}
