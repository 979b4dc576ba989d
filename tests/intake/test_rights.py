"""Rights other than deletion, filed over HTTP by the journey that carries them out."""

import pytest

from pipelines.journeys import intake, rights
from tests.intake.calls import Service, deletion
from tests.intake.landed import MEMBER


def ask(service: Service, kind: str, *, key: str | None = None, **changes):
    return service.file(deletion(MEMBER, kind=kind, **changes), key=key)


@pytest.mark.parametrize("kind", ["access", "restrict"])
def test_a_right_is_filed_once_under_its_receipts_id(service: Service, kind: str):
    first = ask(service, kind, key=f"one-{kind}")
    again = ask(service, kind, key=f"one-{kind}")
    assert first.status_code == 202
    assert again.json() == first.json()
    filed = rights.get_right(service.house.ledger, first.json()["request_id"])
    assert (filed.kind, filed.channel, filed.requested_by) == (kind, "web", "shop")
    assert service.standing(first.json()["confirmation_code"])["kind"] == kind


def test_a_right_that_a_crash_kept_from_being_filed_is_filed_when_it_is_asked_for_again(service: Service, monkeypatch):
    def fail(*_, **__):
        raise OSError("the machine is gone")

    monkeypatch.setattr(intake, "file_right", fail)
    assert ask(service, "access", key="interrupted").status_code == 503
    monkeypatch.undo()
    answer = ask(service, "access", key="interrupted")
    assert answer.status_code == 202
    assert rights.get_right(service.house.ledger, answer.json()["request_id"]).kind == "access"


def test_a_correction_that_cannot_be_made_is_refused_and_its_key_stays_free(service: Service):
    bad = {"attribute": "no_such_attribute", "value": "<script>alert(1)</script>"}
    answer = ask(service, "correct", key="a-correction", detail=bad)
    assert answer.status_code == 422
    assert "script" not in answer.text
    good = ask(service, "correct", key="a-correction", detail={"attribute": "csat", "value": "4"})
    assert good.status_code in {202, 422}
    assert good.status_code == 202 or "key" not in good.json()["type"]
