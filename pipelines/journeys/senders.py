"""What carries messages in this installation: whether it is set up, and the token of the SMS gateway."""

from __future__ import annotations

from dataclasses import replace

from anonymization.keyring import Secret
from pipelines.control.desk_secrets import open_desk_secrets, write_desk_secrets
from pipelines.control.ledger import open_ledger
from pipelines.control.outbox import list_outbox
from pipelines.errors import ConfigurationError
from pipelines.journeys.house import House
from pipelines.journeys.notify import flush_outbox, open_senders
from pipelines.notices import registry
from pipelines.notices.addresses import PRINTABLE
from pipelines.settings import Settings

LONGEST_TOKEN = 4096


def flush_notices(house: House) -> dict[str, int]:
    """Send what is due; returns how many messages were sent and how many failed now, and how many are dead in all."""
    counts = flush_outbox(house, open_senders(house))
    return {
        "sent": counts["told"] + counts["confirmed"],
        "failed": counts["failed"] + counts["refused"],
        "dead": sum(message.state == "dead" for message in list_outbox(house.ledger)),
    }


def keep_sms_token(settings: Settings, token: str) -> None:
    """Keep what the SMS gateway knows us by; ConfigurationError when no header could hold it."""
    if not PRINTABLE.fullmatch(token) or len(token) > LONGEST_TOKEN:
        raise ConfigurationError(
            "that is no token of a gateway", hint=f"give one line of at most {LONGEST_TOKEN} ASCII characters"
        )
    write_desk_secrets(settings, replace(open_desk_secrets(settings), sms_gateway=Secret(token)))


def describe_senders(settings: Settings) -> str:
    """Which channels are set up; ConfigurationError when messages lie in the outbox for one that is not."""
    senders = registry.open_senders(settings, open_desk_secrets(settings))
    problems = registry.find_problems(senders)
    needed = {message.channel for message in list_outbox(open_ledger(settings.control_url))}
    unknown = [f"nothing is plugged in for {channel}" for channel in sorted(needed - set(senders))]
    if lacking := [str(problems[channel]) for channel in sorted(needed & set(problems))] + unknown:
        raise ConfigurationError(
            f"messages wait for a sender: {'; '.join(lacking)}", hint="they go out by themselves once it is set up"
        )
    well = ", ".join(channel for channel in senders if channel not in problems)
    return "; ".join([f"{well} can be sent", *(str(problem.args[0]) for problem in problems.values())])
