"""Which sender serves which channel: what is set up, what is not, and what a deployment plugs in."""

import logging
import sys
from dataclasses import replace
from pathlib import Path
from textwrap import dedent

import pytest

from anonymization.keyring import Secret
from pipelines.control.desk_secrets import DeskSecrets
from pipelines.errors import SenderMissingError
from pipelines.notices.mail import MailServer
from pipelines.notices.registry import MissingSender, find_problems, open_senders
from pipelines.notices.sms import SmsGateway
from pipelines.notices.webhook import Webhook
from pipelines.settings import load_settings
from tests.unit.notices.conftest import show_nothing_personal, tell_all_of

SECRETS = DeskSecrets({}, Secret("f"), Secret("s"), Secret(""), Secret("top-secret"))
GATEWAY = {"TOKUMEI_SMS_GATEWAY": "https://sms.example/send"}
MODULE = """
    from pipelines.errors import ConfigurationError

    class Pigeon:
        def __init__(self, home):
            self.home = home

        def send(self, message):
            return None

    def open_pigeon(settings, secrets):
        return Pigeon(settings.home)

    def open_broken(settings, secrets):
        raise RuntimeError(secrets.sms_gateway.reveal())

    def open_unset(settings, secrets):
        raise ConfigurationError("no pigeon is set up", hint="feed one")
"""


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Put a distribution on the path, as pip would, that plugs in senders."""
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "pigeons.py").write_text(dedent(MODULE))

    def install_distribution(name: str, **senders: str) -> None:
        described = tmp_path / f"{name}-1.0.dist-info"
        described.mkdir()
        (described / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        lines = [f"{channel} = pigeons:{opener}" for channel, opener in senders.items()]
        (described / "entry_points.txt").write_text("\n".join(["[tokumei.senders]", *lines, ""]))

    yield install_distribution
    sys.modules.pop("pigeons", None)


def open_with(secrets: DeskSecrets = SECRETS, **variables: str):
    return open_senders(load_settings(variables), secrets)


def test_each_channel_is_served_by_what_the_settings_name():
    senders = open_with(**GATEWAY, TOKUMEI_SMTP="smtps://us%40er:pa%2Fss@mail.example", TOKUMEI_NOTICE_SENDER="p@a.jp")

    assert senders == {
        "sms": SmsGateway("https://sms.example/send", Secret("top-secret")),
        "email": MailServer("mail.example", 465, "p@a.jp", is_tls=True, user="us@er", password=Secret("pa/ss")),
        "webhook": Webhook(),
    }
    assert find_problems(senders) == {}


def test_mail_is_handed_over_at_the_port_that_is_named_or_the_usual_one():
    ports = [open_with(TOKUMEI_SMTP=url)["email"].port for url in ("smtp://mail.example", "smtp://mail.example:2525")]

    assert ports == [25, 2525]


@pytest.mark.parametrize(
    ("variables", "channel", "problem"),
    [
        ({}, "sms", "no SMS gateway is set up; set TOKUMEI_SMS_GATEWAY"),
        ({}, "email", "no mail server is set up; set TOKUMEI_SMTP"),
        ({"TOKUMEI_SMS_GATEWAY": "http://sms.example/send"}, "sms", "unencrypted"),
        ({"TOKUMEI_SMTP": "smtp://mail.example:notaport"}, "email", "no host or no port"),
        ({"TOKUMEI_SMTP": "smtp://:25"}, "email", "no host or no port"),
        ({"TOKUMEI_SMTP": "smtp://m", "TOKUMEI_NOTICE_SENDER": "a@b\r\nBcc: c@d"}, "email", "no mailbox"),
    ],
)
def test_channel_that_is_not_set_up_says_so_once_and_keeps_its_messages(
    variables, channel, problem, text_message, caplog
):
    caplog.set_level(logging.DEBUG)
    sender = open_with(**variables)[channel]

    for _ in range(3):
        with pytest.raises(SenderMissingError, match=problem) as caught:
            sender.send(replace(text_message, channel=channel))
        show_nothing_personal(tell_all_of(caught.value))

    [said] = [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]
    assert problem in said
    assert f"no {channel} message goes out" in said


@pytest.mark.parametrize("token", ["", "two\r\nlines", "with blank", "日本"])
def test_gateway_needs_a_token_that_a_header_can_hold(token: str):
    problem = find_problems(open_with(replace(SECRETS, sms_gateway=Secret(token)), **GATEWAY))["sms"]

    assert "no token for the SMS gateway" in str(problem)
    assert not token or token not in str(problem)


def test_deployment_plugs_in_a_channel_of_its_own_and_replaces_one_of_ours(install):
    install("pigeons", sms="open_pigeon", pigeon="open_pigeon")
    senders = open_with(TOKUMEI_HOME="/nowhere")

    assert {channel: type(sender).__name__ for channel, sender in senders.items()} == {
        "sms": "Pigeon",
        "pigeon": "Pigeon",
        "email": "MissingSender",
        "webhook": "Webhook",
    }
    assert senders["pigeon"].home == Path("/nowhere")


@pytest.mark.parametrize(
    ("opener", "problem"),
    [
        ("open_broken", "cannot be opened .RuntimeError."),
        ("open_nothing", "cannot be opened .AttributeError."),
        ("open_unset", "no pigeon is set up; feed one"),
    ],
)
def test_broken_plug_in_keeps_no_other_sender_from_working(install, opener: str, problem: str, text_message):
    install("pigeons", pigeon=opener)
    senders = open_with(**GATEWAY)

    assert isinstance(senders["sms"], SmsGateway)
    assert isinstance(senders["pigeon"], MissingSender)
    with pytest.raises(SenderMissingError, match=problem) as caught:
        senders["pigeon"].send(text_message)
    show_nothing_personal(tell_all_of(caught.value) + tell_all_of(senders["pigeon"].problem))


def test_of_two_plug_ins_for_one_channel_neither_is_chosen(install):
    install("pigeons", sms="open_pigeon")
    install("doves", sms="open_pigeon")

    assert "several distributions offer a sender named sms" in str(find_problems(open_with())["sms"])
