"""What leaves the house is entered before it leaves, with what can be known of it; what makes no sense is refused."""

import hashlib
import json
from datetime import date, timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from pipelines.cli import app
from pipelines.control.outbox import claim_due, keep_contact, postpone, tell
from pipelines.control.recipients import list_exports
from pipelines.errors import ConfigurationError
from pipelines.journeys.recipients import Content, add_recipient, hand_over, register_export
from tests.integration.conftest import DAYS

FIRST, LAST = map(date.fromisoformat, DAYS)
DAY = timedelta(days=1)
ENDPOINT = "https://agency.example/deletions"
QUERY = "SELECT event_date, page_views FROM marts.usage_daily"


@pytest.fixture(scope="module")
def asked(open_town):
    """A town that knows an agency; what these tests enter besides harms no other."""
    town = open_town()
    add_recipient(town.house, "agency", kind="contractor", purpose="research", endpoint=ENDPOINT, added_by="officer")
    return town


def test_query_that_is_handed_over_is_an_extract_of_every_mart_that_it_reads(asked):
    add_recipient(asked.house, "team", kind="analyst", purpose="reporting", endpoint=ENDPOINT, added_by="officer")
    joined = f"{QUERY} JOIN marts.active_users_daily USING (event_date) ORDER BY event_date"
    text = hand_over(asked.house, "team", joined, format="csv", exported_by="analyst")
    entered = {export.dataset: export for export in list_exports(asked.house.ledger, "team")}
    assert entered.keys() == {"usage_daily", "active_users_daily"}
    usage = entered["usage_daily"]
    assert (usage.kind, usage.fields, usage.row_count) == ("extract", ("event_date", "page_views"), 2)
    assert (usage.first_date, usage.last_date) == (FIRST - DAY, LAST + DAY)  # of which visits may reach into these
    assert entered["active_users_daily"].first_date == FIRST - 27 * DAY
    assert usage.content_digest == hashlib.sha256(text.encode()).hexdigest()


@pytest.mark.parametrize(
    "sql", ["SELECT 1", "FROM meta.tables", "SELECT * FROM marts.usage_daily; SELECT 1", "SELECT nothing FROM nowhere"]
)
def test_query_that_reads_no_mart_is_not_handed_over(asked, sql: str):
    before = list_exports(asked.house.ledger)
    with pytest.raises(ConfigurationError):
        hand_over(asked.house, "agency", sql, format="csv", exported_by="analyst")
    assert list_exports(asked.house.ledger) == before


@pytest.mark.parametrize(
    "sql",
    [
        "FROM recent.usage_daily",
        "WITH a AS (FROM marts.usage_daily) SELECT * FROM a",
        'FROM "marts"."USAGE_DAILY"',
        "FROM query_table('marts.usage_daily')",
        "SELECT * FROM marts.usage_daily a SEMI JOIN marts.usage_daily b USING (event_date)",
        "SUMMARIZE marts.usage_daily",
    ],
)
def test_mart_is_known_under_any_name_that_a_query_may_use(asked, sql: str):
    before = list_exports(asked.house.ledger)
    hand_over(asked.house, "agency", sql, format="json", exported_by="analyst")
    assert [export.dataset for export in list_exports(asked.house.ledger)[len(before) :]] == ["usage_daily"]


def test_nothing_is_handed_over_to_whom_nobody_knows(asked):
    with pytest.raises(ConfigurationError, match="no open recipient"):
        hand_over(asked.house, "stranger", QUERY, format="csv", exported_by="analyst")


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"dataset": "lake.nowhere"}, "no dataset of that name"),
        ({"dataset": "sources.access"}, "no dataset of that name"),
        ({"fields": ()}, "needs fields"),
        ({"fields": ("client_ip",)}, "needs fields"),
        ({"first": LAST, "last": FIRST}, "before its first"),
        ({"kind": "gift"}, "no such kind"),
    ],
)
def test_export_that_cannot_be_is_not_entered(asked, changed: dict[str, object], told: str):
    before = list_exports(asked.house.ledger)
    given = {"dataset": "lake.page_views", "fields": ("event_date",), "first": FIRST, "last": LAST} | changed
    kind = given.pop("kind", "hand_over")
    content = Content(*(given[name] for name in ("dataset", "fields", "first", "last")), 1, "ab" * 32)
    with pytest.raises(ConfigurationError, match=told):
        register_export(asked.house, "agency", content, kind=kind, purpose=None, exported_by="officer")
    assert list_exports(asked.house.ledger) == before


@pytest.mark.parametrize(
    "endpoint",
    [
        "http://agency.example/",
        "https://user:secret@agency.example/",
        "ftp://agency.example/",
        "https:///nowhere",
        "https://agency.example/a b",
        "https://agency.example:99999/",
        f"https://agency.example/{'a' * 500}",
        "file:///etc/passwd",
    ],
)
def test_endpoint_that_others_could_read_is_refused_without_saying_it(house, endpoint: str):
    with pytest.raises(ConfigurationError, match="cannot be sent") as raised:
        add_recipient(house, "agency", kind="contractor", purpose="x", endpoint=endpoint, added_by="officer")
    assert endpoint not in str(raised.value)


@pytest.mark.parametrize("recipient_id", ["", "../keys", "a b", "x" * 65, "<script>", "会社"])
def test_recipient_has_a_name_that_a_certificate_can_bear(house, recipient_id: str):
    with pytest.raises(ConfigurationError, match="id of a recipient"):
        add_recipient(house, recipient_id, kind="contractor", purpose="x", endpoint=None, added_by="officer")


@pytest.fixture
def command(asked):
    """Runs a command in that town and returns what it prints."""

    def run(*arguments: str) -> str:
        done = CliRunner().invoke(app, arguments, env={"TOKUMEI_HOME": str(asked.home)}, catch_exceptions=False)
        assert done.exit_code == 0
        return done.stdout

    return run


def test_recipients_and_exports_are_entered_and_listed_by_command(command, tmp_path: Path):
    file = tmp_path / "rows.csv"
    file.write_text("event_date\n2026-11-20\n")
    command("recipient", "add", "press", "--kind", "public", "--purpose", "statistics")
    span = ("--from", DAYS[0], "--to", DAYS[1], "--rows", "1")
    dataset = ("--dataset", "marts.usage_daily", "--fields", "event_date", "--kind", "release")
    export_id = command("export", "register", "press", str(file), *dataset, *span).strip()
    listed = json.loads(command("export", "list", "--json"))["exports"]
    [entered] = [each for each in listed if each["export_id"] == export_id]
    assert entered["content_digest"] == hashlib.sha256(file.read_bytes()).hexdigest()
    assert f"{export_id} release of marts.usage_daily to press" in command("export", "list")
    command("recipient", "close", "press")
    assert "press (public, closed), told at no endpoint: statistics" in command("recipient", "list")


def test_query_is_handed_over_by_command(command, asked):
    before = list_exports(asked.house.ledger)
    assert command("query", QUERY, "--format", "csv", "--hand-to", "agency") == command(
        "query", QUERY, "--format", "csv"
    )
    assert len(list_exports(asked.house.ledger)) == len(before) + 1


def test_outbox_is_listed_without_an_address_and_a_dead_message_is_retried_by_command(command, asked):
    house = asked.house
    contact = {"channel": "sms", "address": "+819012345678", "language": "ja"}
    keep_contact(house.ledger, house.keyring, request_id="r-1", now=house.now(), **contact)
    assert "waiting to the member by sms: nothing yet, for request r-1" in command("outbox")
    tell(house.ledger, "r-1", "completed", house.now())
    [message] = claim_due(house.ledger, house.now())
    postpone(house.ledger, message, "DeliveryRefusedError", house.now(), for_good=True)
    shown = command("outbox", "--json")
    assert [each["state"] for each in json.loads(shown)["messages"]] == ["dead"]
    assert not any(word in shown for word in ("sealed", "address", "8190"))
    assert "pending" in command("outbox", "--retry", message.message_id)
