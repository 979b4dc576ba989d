"""One HTTP request with a message: within ten seconds in all, no redirect followed, no more read than is wanted."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import dataclass

import httpx

from pipelines.errors import DeliveryFailedError, DeliveryRefusedError

SECONDS = 10.0
# Too early, too slow, too many; and that we are not let in, which is no fault of the message.
PASSING = frozenset({401, 407, 408, 425, 429})


@dataclass(frozen=True, slots=True)
class Answer:
    """The status and, as far as it was wanted and is no longer than that, the content."""

    status: int
    content: bytes


def post(url: str, content: bytes, headers: Mapping[str, str], *, wanted_bytes: int = 0) -> Answer:
    """Post and return a 2xx answer; its content is empty where it is longer than wanted_bytes.

    DeliveryRefusedError for a status that will stay as it is, DeliveryFailedError for all else. Neither says where to.
    """
    answer = _post_in_time(url, content, headers, wanted_bytes)
    if answer is None:
        raise DeliveryFailedError(
            f"the receiving server did not answer within {SECONDS:g} seconds", hint="it is tried again later"
        )
    if answer.status in PASSING or answer.status >= 500:
        raise DeliveryFailedError(
            f"the receiving server answered with status {answer.status}",
            hint="it is tried again later; at 401 or 407 correct its token or the proxy's",
        )
    if answer.status >= 400:
        raise DeliveryRefusedError(
            f"the receiving server refused the message with status {answer.status}",
            hint="correct what it refuses, then send the message again",
        )
    if not 200 <= answer.status < 300:
        raise DeliveryFailedError(
            f"the receiving server points elsewhere with status {answer.status}", hint="set the URL that it points to"
        )
    return answer


def _post_in_time(url: str, content: bytes, headers: Mapping[str, str], wanted_bytes: int) -> Answer | None:
    for name in ("httpx", "httpcore"):  # they write down each URL, and some are addresses
        logging.getLogger(name).setLevel(logging.WARNING)
    try:
        return asyncio.run(_post(url, content, headers, wanted_bytes))
    except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError):
        return None


async def _post(url: str, content: bytes, headers: Mapping[str, str], wanted_bytes: int) -> Answer:
    """The time is that of the whole: a server that sends a byte now and then cannot hold anybody up."""
    # Uncompressed, so that what is counted is what was sent.
    asked = {**headers, "Accept-Encoding": "identity", "User-Agent": "tokumei"}
    async with (
        asyncio.timeout(SECONDS),
        httpx.AsyncClient(timeout=SECONDS, follow_redirects=False) as client,
        client.stream("POST", url, content=content, headers=asked) as response,
    ):
        return Answer(response.status_code, await _read(response, wanted_bytes))


async def _read(response: httpx.Response, wanted_bytes: int) -> bytes:
    if not wanted_bytes:
        return b""
    content = bytearray()
    async for piece in response.aiter_raw():
        content += piece
        if len(content) > wanted_bytes:
            return b""
    return bytes(content)
