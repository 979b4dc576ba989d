"""The intake service as its callers see it: in this process, behind its guard, on real ledgers."""

import base64
import hmac
import json
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from anyio.from_thread import BlockingPortal

from anonymization.keyring import Secret
from pipelines.control.desk_secrets import open_desk_secrets
from pipelines.intake.application import create_application
from pipelines.intake.rates import Limits, Rate
from pipelines.intake.signing import CLIENT, IDEMPOTENCY_KEY, NONCE, SIGNATURE, TIMESTAMP, Sent, sign
from pipelines.journeys.house import House, open_house
from pipelines.journeys.intake_secrets import keep_facebook_secret, make_client_secret
from pipelines.journeys.keys import make_keys
from pipelines.settings import Settings, load_settings, prepare_home

APP_SECRET = "0f1e2d3c4b5a69788796a5b4c3d2e1f0"
PLENTY = Limits(Rate(10**6, 10**6), Rate(10**6, 10**6), Rate(10**6, 10**6))
SHOP = "shop"
BASE = "http://privacy.test"


def deletion(user_id: str = "u000123", **changes: Any) -> dict[str, Any]:
    asked = {"kind": "deletion", "user_id": user_id, "requested_at": "2026-11-22T09:00:00+09:00", "channel": "web"}
    return asked | changes


def found_settings(home: Path, **variables: object) -> Settings:
    """An installation with keys, a client named shop, and Facebook's secret."""
    settings = load_settings({"TOKUMEI_HOME": str(home)} | {name: str(value) for name, value in variables.items()})
    prepare_home(settings)
    make_keys(settings)
    make_client_secret(settings, SHOP, renew=False)
    keep_facebook_secret(settings, APP_SECRET)
    return settings


def sign_headers(secret: Secret, body: bytes, *, key: str | None = None, path: str = "/requests", **changes: str):
    """The headers of a signed request. changes: to timestamp, nonce or client, before it is signed."""
    headers = {
        CLIENT: changes.get("client", SHOP),
        TIMESTAMP: changes.get("timestamp", str(int(time.time()))),
        NONCE: changes.get("nonce", secrets.token_urlsafe(16)),
        IDEMPOTENCY_KEY: key or secrets.token_hex(16),
        "content-type": "application/json",
    }
    return headers | {SIGNATURE: sign(secret, Sent("POST", path, headers, body))}


def sign_for_facebook(payload: object, secret: str = APP_SECRET) -> str:
    text = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    encoded = base64.urlsafe_b64encode(text).rstrip(b"=")
    signature = base64.urlsafe_b64encode(hmac.digest(secret.encode(), encoded, "sha256")).rstrip(b"=")
    return f"{signature.decode()}.{encoded.decode()}"


def facebook_payload(user_id: str = "10223344556677889", **changes: Any) -> dict[str, Any]:
    return {"algorithm": "HMAC-SHA256", "issued_at": int(time.time()), "user_id": user_id} | changes


@dataclass
class Service:
    """One running service; every call goes through its guard."""

    settings: Settings
    portal: BlockingPortal
    limits: Limits = PLENTY
    wait_seconds: int = 5
    address: str = "203.0.113.7"
    application: Any = field(init=False)
    house: House = field(init=False)

    def __post_init__(self):
        self.application = create_application(self.settings, limits=self.limits, wait_seconds=self.wait_seconds)
        self.house = open_house(self.settings)

    @property
    def secret(self) -> Secret:
        return open_desk_secrets(self.settings).clients[SHOP]

    def request(self, method: str, path: str, **options: Any) -> httpx.Response:
        async def call() -> httpx.Response:
            transport = httpx.ASGITransport(self.application, client=(self.address, 50_000))
            async with httpx.AsyncClient(transport=transport, base_url=BASE) as client:
                return await client.request(method, path, **options)

        return self.portal.call(call)

    def file(self, asked: object, *, key: str | None = None, **changes: str) -> httpx.Response:
        body = asked if isinstance(asked, bytes) else json.dumps(asked).encode()
        return self.request(
            "POST", "/requests", content=body, headers=sign_headers(self.secret, body, key=key, **changes)
        )

    def call_back(self, signed_request: str) -> httpx.Response:
        return self.request("POST", "/facebook/data-deletion", data={"signed_request": signed_request})

    def look_up(self, code: str, headers: Mapping[str, str] | None = None) -> httpx.Response:
        return self.request("GET", f"/status/{code}", headers=headers or {})

    def standing(self, code: str) -> dict[str, Any]:
        return self.look_up(code, {"accept": "application/json", "accept-language": "en"}).json()
