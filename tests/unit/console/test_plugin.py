"""The door before all pages: what brings too much, or does not say how much, is turned away unread."""

import asyncio

import pytest

from pipelines.console.plugin import MOST_BYTES, is_too_large, refuse


def headers(**given: str) -> dict[str, object]:
    return {"headers": [(name.replace("_", "-").encode(), value.encode()) for name, value in given.items()]}


@pytest.mark.parametrize(
    ("given", "too_large"),
    [
        ({}, False),
        ({"content_length": "0"}, False),
        ({"content_length": str(MOST_BYTES)}, False),
        ({"content_length": str(MOST_BYTES + 1)}, True),
        ({"content_length": "-1"}, True),
        ({"content_length": "1e9"}, True),
        ({"content_length": ""}, True),
        ({"transfer_encoding": "chunked"}, True),
        ({"content_length": "1", "transfer_encoding": "chunked"}, True),
    ],
)
def test_form_that_is_larger_than_any_of_ours_or_does_not_say_is_too_large(given, too_large):
    assert is_too_large(headers(**given)) is too_large


def test_refusal_ends_the_connection():
    sent: list[dict[str, object]] = []

    async def send(message) -> None:
        sent.append(message)

    asyncio.run(refuse(send))
    assert sent[0]["status"] == 413
    assert (b"connection", b"close") in sent[0]["headers"]
