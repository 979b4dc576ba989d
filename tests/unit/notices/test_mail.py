"""Letters through a real mail server: taken, refused, slow, encrypted; and headers that nobody can add to."""

import email
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from email.policy import default
from ipaddress import ip_address
from pathlib import Path

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, Envelope, LoginPassword
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from anonymization.keyring import Secret
from pipelines.errors import DeliveryFailedError, DeliveryRefusedError
from pipelines.notices import mail
from pipelines.notices.mail import MailServer, write_letter
from pipelines.notices.sender import Outgoing
from tests.unit.notices.conftest import MAILBOX, MESSAGE_ID, show_nothing_personal, tell_all_of

SENDER = "privacy@auction.example"
USER, PASSWORD = "tokumei", "top-secret"


@dataclass(slots=True)
class Post:
    """What the mail server took, and what it says to whom."""

    envelopes: list[Envelope] = field(default_factory=list)
    to_sender: str = "250 OK"
    to_address: str = "250 OK"
    to_letter: str = "250 OK"

    async def handle_MAIL(self, _server, _session, envelope, address, _options):  # noqa: N802 - aiosmtpd's
        envelope.mail_from = address
        return self.to_sender

    async def handle_RCPT(self, _server, _session, envelope, address, _options):  # noqa: N802 - aiosmtpd's
        if self.to_address.startswith("250"):
            envelope.rcpt_tos.append(address)
        return self.to_address.format(address)

    async def handle_DATA(self, _server, _session, envelope):  # noqa: N802 - aiosmtpd's
        self.envelopes.append(envelope)
        return self.to_letter

    def letter(self) -> EmailMessage:
        [envelope] = self.envelopes
        return email.message_from_bytes(envelope.content, policy=default)

    def text(self) -> str:
        return self.letter().get_content().replace("\r\n", "\n")


@pytest.fixture
def post() -> Post:
    return Post()


@pytest.fixture
def start(post: Post) -> Iterator[Callable[..., MailServer]]:
    running = []

    def start_server(user: str = "", *, is_tls: bool = False, **options: object) -> MailServer:
        controller = TlsController if is_tls else Controller
        running.append(controller(post, hostname="127.0.0.1", port=find_port(), ready_timeout=20, **options))
        running[-1].start()
        return MailServer("127.0.0.1", running[-1].port, SENDER, is_tls, user, Secret(PASSWORD if user else ""))

    yield start_server
    for controller in running:
        controller.stop()


class TlsController(Controller):
    """Speaks TLS from the first byte, and asks itself whether it is there without."""

    def _trigger_server(self) -> None:
        socket.create_connection((self.hostname, self.port)).close()


def hang_up(listening: socket.socket) -> None:
    connection, _ = listening.accept()
    connection.close()


def find_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """A certificate of 127.0.0.1, and its key in the same file."""
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "mail")])
    signed = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    plain = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    file = tmp_path / "mail.pem"
    file.write_bytes(signed.public_bytes(serialization.Encoding.PEM) + key.private_bytes(*plain))
    return file


@pytest.fixture
def served(certificate: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


@pytest.fixture
def vouched(certificate: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))


def test_letter_arrives_with_the_headers_of_a_program_and_in_japanese(start, post, letter):
    start().send(letter)

    arrived = post.letter()
    assert post.envelopes[0].mail_from == SENDER
    assert post.envelopes[0].rcpt_tos == [MAILBOX]
    assert (arrived["From"], arrived["To"], arrived["Subject"]) == (SENDER, MAILBOX, letter.subject)
    assert arrived["Message-ID"] == f"<{MESSAGE_ID}@auction.example>"
    assert arrived["Auto-Submitted"] == "auto-generated"
    assert abs(arrived["Date"].datetime - datetime.now(UTC)) < timedelta(minutes=1)
    assert post.text() == letter.text
    assert arrived.get_content_charset() == "utf-8"
    assert post.envelopes[0].content.isascii()
    assert max(map(len, post.envelopes[0].content.splitlines())) <= 998


def test_one_message_has_one_id_however_often_it_is_sent(letter):
    assert len({write_letter(letter, SENDER)["Message-ID"] for _ in range(2)}) == 1


@pytest.mark.parametrize(
    ("said", "error"),
    [
        ({"to_address": "550 no such user {}"}, DeliveryRefusedError),
        ({"to_address": "450 {} is over quota"}, DeliveryFailedError),
        ({"to_letter": f"554 spam for {MAILBOX}"}, DeliveryRefusedError),
        ({"to_letter": f"451 greylisted {MAILBOX}"}, DeliveryFailedError),
        ({"to_sender": "553 who are you"}, DeliveryFailedError),
        ({"to_sender": "421 too busy"}, DeliveryFailedError),
    ],
)
def test_refusal_says_its_code_and_whether_to_try_again_and_quotes_nothing(start, post, letter, said, error):
    for name, reply in said.items():
        setattr(post, name, reply)

    with pytest.raises(error, match=next(iter(said.values()))[:3]) as caught:
        start().send(letter)

    show_nothing_personal(tell_all_of(caught.value))


def test_nobody_listening_is_tried_again(letter):
    with pytest.raises(DeliveryFailedError, match="did not take the message") as caught:
        MailServer("127.0.0.1", find_port(), SENDER).send(letter)

    show_nothing_personal(tell_all_of(caught.value))


def test_server_that_says_nothing_is_left_in_time(letter, monkeypatch):
    monkeypatch.setattr(mail, "SECONDS", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        started = time.monotonic()
        with pytest.raises(DeliveryFailedError, match="did not take the message"):
            MailServer("127.0.0.1", silent.getsockname()[1], SENDER).send(letter)

    assert time.monotonic() - started < 3


def test_server_that_hangs_up_is_tried_again(letter):
    with socket.create_server(("127.0.0.1", 0)) as curt:
        threading.Thread(target=hang_up, args=(curt,), daemon=True).start()
        with pytest.raises(DeliveryFailedError):
            MailServer("127.0.0.1", curt.getsockname()[1], SENDER).send(letter)


def test_letter_is_encrypted_and_we_log_in_where_that_is_offered(start, post, letter, served, vouched):
    seen = []

    def authenticate(_server, session, _envelope, _mechanism, given: LoginPassword) -> AuthResult:
        seen.append((session.ssl is not None, given.login, given.password))
        return AuthResult(success=given.password == PASSWORD.encode())

    start(USER, tls_context=served, require_starttls=True, authenticator=authenticate, auth_required=True).send(letter)

    assert seen == [(True, USER.encode(), PASSWORD.encode())]
    assert post.letter()["To"] == MAILBOX


def test_letter_goes_over_tls_from_the_first_byte(start, post, letter, served, vouched):
    start(is_tls=True, ssl_context=served).send(letter)

    assert post.letter()["To"] == MAILBOX


def test_server_with_a_certificate_that_nobody_vouches_for_gets_nothing(start, post, letter, served):
    with pytest.raises(DeliveryFailedError, match="SSLCertVerificationError") as caught:
        start(tls_context=served).send(letter)

    assert post.envelopes == []
    show_nothing_personal(tell_all_of(caught.value))


def test_wrong_password_is_no_fault_of_the_letter(start, post, letter, served, vouched):
    refuse = {"authenticator": lambda *_: AuthResult(success=False, handled=False), "auth_required": True}

    with pytest.raises(DeliveryFailedError, match="turned us away with code 535") as caught:
        start(USER, tls_context=served, **refuse).send(letter)

    show_nothing_personal(tell_all_of(caught.value))


def test_password_is_not_told_unencrypted(start, post, letter):
    with pytest.raises(DeliveryFailedError, match="our password unencrypted") as caught:
        start(USER).send(letter)

    assert post.envelopes == []
    show_nothing_personal(tell_all_of(caught.value))


@pytest.mark.parametrize(
    "address",
    [
        "",
        "hanako",
        "@example.jp",
        "hanako@",
        "hanako@example.jp\r\nBcc: all@example.jp",
        "hanako@example.jp\n",
        "hanako@example.jp, taro@example.jp",
        "Hanako <hanako@example.jp>",
        "<hanako@example.jp>",
        '"hanako"@example.jp',
        "hanako@example.jp SIZE=1",
        "hanako@example.jp\x00",
        "hana ko@example.jp",
        "hanako..member@example.jp",
        ".hanako@example.jp",
        "hanako@-example.jp",
        "hanako@example..jp",
        "花子@example.jp",
        "hanako@例え.jp",
        "h" * 65 + "@example.jp",
        "hanako@" + "example." * 40 + "jp",
    ],
)
def test_address_that_could_break_a_header_or_a_command_is_refused(start, post, letter, address: str):
    with pytest.raises(DeliveryRefusedError, match="no mailbox") as caught:
        start().send(replace(letter, address=address))

    assert post.envelopes == []
    assert not address or address not in tell_all_of(caught.value)


@pytest.mark.parametrize(
    "changed",
    [{"subject": "Done\r\nBcc: all@example.jp"}, {"subject": "Done\u2028"}, {"message_id": "1>\r\nX: y"}],
)
def test_subject_and_id_cannot_add_a_header(letter: Outgoing, changed: dict[str, str]):
    with pytest.raises(DeliveryRefusedError, match="no clean subject or id"):
        write_letter(replace(letter, **changed), SENDER)


def test_text_stays_below_the_headers_and_above_the_end(start, post, letter):
    text = "\nBcc: all@example.jp\n\n.\nQUIT\n. and so on\n"
    start().send(replace(letter, text=text))

    assert post.letter()["Bcc"] is None
    assert post.text() == text


def test_mail_server_shows_no_password():
    show_nothing_personal(repr(MailServer("127.0.0.1", 25, SENDER, user=USER, password=Secret(PASSWORD))))
