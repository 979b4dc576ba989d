"""Which sender serves which channel of this installation: ours, or what a deployment plugs in by an entry point.

An entry point of the group `tokumei.senders` is named after its channel and loads to a function of Settings and
DeskSecrets that returns a Sender; it takes the place of ours for that channel.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from urllib.parse import unquote, urlsplit

from anonymization.keyring import Secret
from pipelines.control.desk_secrets import DeskSecrets
from pipelines.errors import ConfigurationError, SenderMissingError
from pipelines.notices.addresses import PRINTABLE, is_endpoint, is_mailbox
from pipelines.notices.mail import MailServer
from pipelines.notices.sender import Outgoing, Sender
from pipelines.notices.sms import SmsGateway
from pipelines.notices.webhook import Webhook
from pipelines.settings import Settings
from pipelines.telemetry import logger

GROUP = "tokumei.senders"
SMTP_PORTS = {"smtp": 25, "smtps": 465}

Opener = Callable[[Settings, DeskSecrets], Sender]


@dataclass(slots=True)
class MissingSender:
    """Stands in for a channel that is not set up: messages stay, and the first of them says what is missing."""

    problem: ConfigurationError
    is_told: bool = False

    def send(self, message: Outgoing) -> None:
        """Always SenderMissingError: once the channel is set up, the message can go."""
        if not self.is_told:
            logger.warning("no %s message goes out: %s", message.channel, self.problem)
        self.is_told = True
        raise SenderMissingError(self.problem.args[0], hint=self.problem.hint)


def open_senders(settings: Settings, secrets: DeskSecrets) -> Mapping[str, Sender]:
    """A sender for each channel; one that cannot be opened says so when it is used, and keeps no other from working."""
    openers: dict[str, Opener] = {"sms": open_gateway, "email": open_mail_server, "webhook": open_webhook}
    openers |= {channel: _opener_of(points) for channel, points in _find_plugged().items()}
    return {channel: _open(opener, settings, secrets) for channel, opener in openers.items()}


def find_problems(senders: Mapping[str, Sender]) -> dict[str, ConfigurationError]:
    """What is missing, by the channel that is not set up."""
    return {channel: sender.problem for channel, sender in senders.items() if isinstance(sender, MissingSender)}


def open_gateway(settings: Settings, secrets: DeskSecrets) -> Sender:
    """The gateway of TOKUMEI_SMS_GATEWAY; ConfigurationError when it or its token is missing or unusable."""
    if not settings.sms_gateway:
        raise ConfigurationError("no SMS gateway is set up", hint="set TOKUMEI_SMS_GATEWAY to its URL")
    if not is_endpoint(settings.sms_gateway):
        raise ConfigurationError(
            "TOKUMEI_SMS_GATEWAY would carry telephone numbers unencrypted, or holds a password",
            hint="set it to an https URL; its token is entered with `tokumei sms-token`",
        )
    if not PRINTABLE.fullmatch(secrets.sms_gateway.reveal()):
        raise ConfigurationError("there is no token for the SMS gateway", hint="enter it with `tokumei sms-token`")
    return SmsGateway(settings.sms_gateway, secrets.sms_gateway)


def open_mail_server(settings: Settings, _: DeskSecrets) -> Sender:
    """The server of TOKUMEI_SMTP, with the user and password in it; ConfigurationError when it is none."""
    if not settings.smtp:
        raise ConfigurationError("no mail server is set up", hint="set TOKUMEI_SMTP to its URL, smtps://host")
    if not is_mailbox(settings.notice_sender):
        raise ConfigurationError("TOKUMEI_NOTICE_SENDER is no mailbox", hint="set it to one such as privacy@host")
    parts = urlsplit(settings.smtp)
    try:
        host, port = parts.hostname, parts.port or SMTP_PORTS[parts.scheme]
    except ValueError:
        host, port = None, 0
    if not host:
        raise ConfigurationError("TOKUMEI_SMTP names no host or no port", hint="set it to one such as smtps://host:465")
    user, password = unquote(parts.username or ""), Secret(unquote(parts.password or ""))
    return MailServer(host, port, settings.notice_sender, parts.scheme == "smtps", user, password)


def open_webhook(_: Settings, __: DeskSecrets) -> Sender:
    """What reaches the endpoints of recipients; there is nothing to set up."""
    return Webhook()


def _open(opener: Opener, settings: Settings, secrets: DeskSecrets) -> Sender:
    try:
        return opener(settings, secrets)
    except ConfigurationError as error:
        return MissingSender(error)


def _find_plugged() -> dict[str, list[EntryPoint]]:
    points = sorted(entry_points(group=GROUP), key=lambda point: point.name)
    return {channel: [point for point in points if point.name == channel] for channel in {each.name for each in points}}


def _opener_of(points: list[EntryPoint]) -> Opener:
    """What these plug in; whatever is wrong with it is a ConfigurationError that names its type and no more."""

    def open_plugged(settings: Settings, secrets: DeskSecrets) -> Sender:
        if len(points) > 1:
            raise ConfigurationError(
                f"several distributions offer a sender named {points[0].name}", hint="keep one of them installed"
            )
        try:
            sender: Sender = points[0].load()(settings, secrets)
        except ConfigurationError:
            raise
        except Exception as error:  # noqa: BLE001 - somebody else's code, and its text may quote a secret
            problem = ConfigurationError(
                f"the sender plugged in as {points[0].name} cannot be opened ({type(error).__name__})",
                hint=f"mend or remove the distribution that offers it in {GROUP}",
            )
        else:
            return sender
        raise problem

    return open_plugged
