"""What became of messages goes out as metrics: numbers under fixed names."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from pipelines.control.outbox import keep_contact, tell
from pipelines.journeys.house import open_house
from pipelines.journeys.keys import make_keys
from pipelines.settings import load_settings, prepare_home

PHONE = "+819012345678"
RUN = "from pipelines.desk_tasks import flush_notices, tell_delays; tell_delays(); flush_notices()"

pytestmark = [pytest.mark.airflow, pytest.mark.filterwarnings("default")]


def hear(listener: socket.socket) -> set[str]:
    heard = set()
    while True:
        try:
            heard.update(listener.recv(65536).decode().splitlines())
        except TimeoutError:
            return heard


def test_messages_are_counted_as_sent_failed_and_dead(home: Path):
    settings = load_settings()
    prepare_home(settings)
    make_keys(settings)
    house = open_house(settings)
    contact = {"channel": "sms", "address": PHONE, "language": "ja"}
    keep_contact(house.ledger, house.keyring, request_id="r-1", now=house.now(), **contact)
    tell(house.ledger, "r-1", "completed", house.now())

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listener:
        listener.bind(("127.0.0.1", 0))
        listener.settimeout(0.5)
        metrics = {"STATSD_ON": "True", "STATSD_HOST": "127.0.0.1", "STATSD_PORT": str(listener.getsockname()[1])}
        environment = os.environ | {f"AIRFLOW__METRICS__{name}": value for name, value in metrics.items()}
        done = subprocess.run([sys.executable, "-c", RUN], env=environment, check=True, capture_output=True, text=True)
        heard = hear(listener)

    expected = {"notices.sent:0|c", "notices.failed:1|c", "notices.dead:0|g", "tell_delays.requests.overdue:0|c"}
    assert {f"airflow.tokumei.{name}" for name in expected} <= heard
    assert PHONE not in done.stdout + done.stderr
