"""Letters by way of a mail server."""

from __future__ import annotations

import re
import smtplib
import ssl
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime

from anonymization.keyring import Secret
from pipelines.errors import DeliveryFailedError, DeliveryRefusedError, TokumeiError
from pipelines.notices.addresses import is_mailbox
from pipelines.notices.sender import Outgoing

SECONDS = 10
MESSAGE_ID = re.compile(r"[A-Za-z0-9-]{1,64}", re.ASCII)
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
AGAIN = "it is tried again later"
# Every server takes lines of seven bits.
PLAIN = SMTP.clone(cte_type="7bit")


@dataclass(frozen=True, slots=True)
class MailServer:
    """Where mail is handed over, and who it comes from. is_tls: TLS from the first byte; else where it is offered."""

    host: str
    port: int
    sender: str
    is_tls: bool = False
    user: str = field(default="", repr=False)
    password: Secret = field(default_factory=lambda: Secret(""))

    def send(self, message: Outgoing) -> None:
        """Hand one letter over; DeliveryRefusedError without asking the server when it could not be a clean one."""
        failure = self._hand_over(message.address, write_letter(message, self.sender))
        if failure:  # raised out here, for the errors of the library quote the address
            raise failure

    def _hand_over(self, address: str, letter: EmailMessage) -> TokumeiError | None:
        try:
            self._deliver(address, letter)
        except TokumeiError as error:
            return error
        except smtplib.SMTPRecipientsRefused as error:
            return _judge(max(code for code, _ in error.recipients.values()))
        except smtplib.SMTPDataError as error:
            return _judge(error.smtp_code)
        except smtplib.SMTPResponseException as error:  # before there was talk of the letter: it is about us
            return DeliveryFailedError(
                f"the mail server turned us away with code {error.smtp_code}",
                hint=f"see TOKUMEI_SMTP and TOKUMEI_NOTICE_SENDER; {AGAIN}",
            )
        except (smtplib.SMTPException, OSError, ValueError) as error:
            return DeliveryFailedError(
                f"the mail server did not take the message ({type(error).__name__})", hint=f"see TOKUMEI_SMTP; {AGAIN}"
            )
        return None

    def _deliver(self, address: str, letter: EmailMessage) -> None:
        server = self._connect()
        try:
            self._secure(server)
            server.send_message(letter, from_addr=self.sender, to_addrs=[address])
        finally:
            with suppress(smtplib.SMTPException, OSError):
                server.quit()

    def _connect(self) -> smtplib.SMTP:
        if self.is_tls:
            return smtplib.SMTP_SSL(self.host, self.port, timeout=SECONDS, context=ssl.create_default_context())
        return smtplib.SMTP(self.host, self.port, timeout=SECONDS)

    def _secure(self, server: smtplib.SMTP) -> None:
        """Encrypt where that is offered, to the server that the certificate names, and log in where we have a name."""
        server.ehlo_or_helo_if_needed()
        is_offered = server.has_extn("starttls")
        if is_offered and not self.is_tls:
            server.starttls(context=ssl.create_default_context())
        if self.user and not (self.is_tls or is_offered):
            raise DeliveryFailedError(
                "the mail server wants our password unencrypted", hint=f"set TOKUMEI_SMTP to a URL of smtps; {AGAIN}"
            )
        if self.user:
            server.login(self.user, self.password.reveal())


def write_letter(message: Outgoing, sender: str) -> EmailMessage:
    """A letter that no automaton answers; DeliveryRefusedError where an address or subject would break its headers."""
    if not is_mailbox(message.address):
        raise DeliveryRefusedError("the address of a message is no mailbox", hint="one such as name@host is expected")
    if CONTROL.search(message.subject) or not MESSAGE_ID.fullmatch(message.message_id):
        raise DeliveryRefusedError("a message has no clean subject or id", hint="see the texts of messages")
    letter = EmailMessage(policy=PLAIN)
    letter["From"] = sender
    letter["To"] = message.address
    letter["Subject"] = message.subject
    letter["Date"] = format_datetime(datetime.now(UTC))
    letter["Message-ID"] = f"<{message.message_id}@{sender.rpartition('@')[2]}>"
    letter["Auto-Submitted"] = "auto-generated"
    letter.set_content(message.text, charset="utf-8")
    return letter


def _judge(code: int) -> TokumeiError:
    if code >= 500:
        return DeliveryRefusedError(
            f"the mail server refused the message with code {code}", hint="correct what it refuses, then send it again"
        )
    return DeliveryFailedError(f"the mail server put the message off with code {code}", hint=AGAIN)
