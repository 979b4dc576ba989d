"""The real process, `tokumei serve-intake`, started and killed."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from anonymization.keyring import Secret
from tests.intake.calls import sign_headers

TOKUMEI = Path(sys.executable).with_name("tokumei")


def find_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return listening.getsockname()[1]


@dataclass
class Served:
    """A service on loopback; it is started again at the same port."""

    home: Path
    port: int = field(default_factory=find_port)
    process: subprocess.Popen | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self, log: Path) -> None:
        environment = os.environ | {"TOKUMEI_HOME": str(self.home)}
        with log.open("ab") as stream:
            command = [TOKUMEI, "serve-intake", "--port", str(self.port)]
            self.process = subprocess.Popen(command, env=environment, stdout=stream, stderr=stream)
        self.wait()

    def wait(self) -> None:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            try:
                httpx.get(f"{self.url}/", timeout=5)
            except httpx.TransportError:
                time.sleep(0.05)
            else:
                return
        raise TimeoutError("the service does not answer")

    def kill(self) -> None:
        assert self.process is not None
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def file(self, secret: Secret, asked: object, *, key: str) -> httpx.Response:
        body = json.dumps(asked).encode()
        headers = sign_headers(secret, body, key=key)
        return httpx.post(f"{self.url}/requests", content=body, headers=headers, timeout=20)
