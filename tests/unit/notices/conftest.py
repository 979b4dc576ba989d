"""A gateway that answers as it is told, a mail server that keeps what it takes, and what must show in no text."""

import logging
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from pipelines.notices.sender import Outgoing

PHONE, MAILBOX = "+819012345678", "hanako.member@example.jp"
TEXT = "会員データを削除しました"
MESSAGE_ID = "3f0c9a52-6f0e-5d0b-9f57-0a4c3c8a1d11"


@dataclass(slots=True)
class Arrival:
    """One request as the server got it."""

    path: str
    headers: dict[str, str]
    content: bytes


@dataclass(slots=True)
class Server:
    """An HTTP server in a thread; `reply` answers each request, by default with 200 and nothing."""

    url: str
    arrivals: list[Arrival] = field(default_factory=list)
    reply: Callable[[BaseHTTPRequestHandler], None] = lambda handler: answer(handler, 200)


def answer(handler: BaseHTTPRequestHandler, status: int, content: bytes = b"", **headers: str) -> None:
    handler.send_response(status)
    for name, value in headers.items():
        handler.send_header(name, value)
    handler.send_header("Content-Length", str(len(content)))
    handler.end_headers()
    handler.wfile.write(content)


@pytest.fixture
def server() -> Iterator[Server]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            content = self.rfile.read(int(self.headers["Content-Length"]))
            told.arrivals.append(Arrival(self.path, dict(self.headers), content))
            try:
                told.reply(self)
            except OSError:
                self.close_connection = True  # the client had heard enough

        def do_GET(self) -> None:
            self.do_POST()

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        running.daemon_threads = True
        running.block_on_close = False
        told = Server(f"http://127.0.0.1:{running.server_port}/messages")
        threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        yield told
        running.shutdown()


@pytest.fixture
def text_message() -> Outgoing:
    return Outgoing(MESSAGE_ID, "sms", PHONE, "", TEXT)


@pytest.fixture
def letter() -> Outgoing:
    return Outgoing(MESSAGE_ID, "email", MAILBOX, "データの削除が完了しました", f"{TEXT}\n\n受付番号：1\n")


@pytest.fixture(autouse=True)
def nothing_personal_is_logged(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    caplog.set_level(logging.DEBUG)
    yield
    ours = [record for record in caplog.get_records("call") if record.name != "mail.log"]  # the mail server's own
    show_nothing_personal("\n".join(record.getMessage() for record in ours))


def show_nothing_personal(said: str) -> None:
    for part in (PHONE, PHONE[3:], MAILBOX, "hanako", TEXT, "/messages", "top-secret"):
        assert part not in said


def tell_all_of(error: BaseException | None) -> str:
    """Everything that a traceback could show of an error and of those behind it."""
    told = ""
    while error is not None:
        told += f"{error} {error!r} {error.args} {getattr(error, 'hint', '')}\n"
        error = error.__cause__ or error.__context__
    return told
