"""The logs of a few members, and the texts that tests look for."""

import json
from pathlib import Path

GONE, REFUSED, WAITING, OPEN = "u300000001", "u300000002", "u300000003", "u300000004"
MEMBERS = ("u300000005", "u300000006", "u300000007")
EVERYBODY = (GONE, REFUSED, WAITING, OPEN, *MEMBERS)
HOSTILE = "<script>document.title='gone'</script>&\"'"
DAY = "2026-11-20"


def write_sources(landing: Path) -> None:
    """A visit, an answer and the account facts of everybody."""
    for source, records in (("access", list_visits()), ("surveys", list_answers())):
        (landing / source / "app.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))


def list_visits() -> list[dict[str, object]]:
    common = {"request_method": "GET", "request_uri": "/", "status": 200, "body_bytes_sent": 1000, "http_referer": None}
    common |= {"http_user_agent": "Mozilla/5.0 (X11; Linux x86_64; rv:144.0) Gecko/20100101 Firefox/144.0"}
    return [
        {
            "time": f"{DAY}T10:{number:02}:00+09:00",
            "remote_addr": f"203.0.113.{number}",
            "user_id": user,
            "device_id": f"7d444840-9dc0-4a1d-8f5c-{user[1:]:0>12}",
            "accept_language": "ja",
            **common,
        }
        for number, user in enumerate(EVERYBODY)
    ]


def list_answers() -> list[dict[str, object]]:
    common = {"survey_id": "autumn", "channel": "web", "segment": "buyer", "csat": 4, "nps": 9, "ces": 2}
    common |= {"comment": None, "language": "ja"}
    return [{"time": f"{DAY}T20:00:00+09:00", "user_id": user, **common} for user in EVERYBODY]
