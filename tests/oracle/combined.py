"""One line of the combined log format, read character by character from the left."""

from __future__ import annotations

import re
from collections.abc import Mapping

from tests.oracle.lines import CONTROLS, WHITE_SPACE, RejectedLineError
from tests.oracle.moments import check_clock, read_combined_time

METHOD = re.compile(r"[A-Za-z]{1,20}")
PROTOCOL = re.compile(r"HTTP/[0-9](\.[0-9])?")
STATUS, BYTES = re.compile(r"[0-9]{3}"), re.compile(r"[0-9]+|-[1-9][0-9]*")
NO_WORD = frozenset(WHITE_SPACE + '"')
LONGEST_NUMBER = 4000  # of which Python still makes an integer


class Cursor:
    """A place in a line; every step goes on to behind what it read, or rejects the line."""

    def __init__(self, text: str) -> None:
        self.text, self.at = text, 0

    def skip(self, expected: str) -> None:
        if not self.text.startswith(expected, self.at):
            raise RejectedLineError("malformed_line")
        self.at += len(expected)

    def read_until(self, end: str, forbidden: frozenset[str]) -> str:
        """What stands before the next end, which is skipped; never empty, and without any forbidden character."""
        stop = self.text.find(end, self.at)
        found = self.text[self.at : max(stop, self.at)]
        if stop < 0 or not found or forbidden & set(found):
            raise RejectedLineError("malformed_line")
        self.at = stop + len(end)
        return found

    def read_quoted(self) -> str:
        """What stands between two quotes, as it is written; a backslash takes the next character with it."""
        self.skip('"')
        start = self.at
        while self.at < len(self.text) and self.text[self.at] != '"':
            self.at += 2 if self.text[self.at] == "\\" else 1
        if self.at >= len(self.text):
            raise RejectedLineError("malformed_line")
        self.at += 1
        return self.text[start : self.at - 1]


def read_combined(text: str) -> Mapping[str, object]:
    """The access source's columns of a line; RejectedLineError with the first thing that is wrong with it."""
    cursor = Cursor(text)
    address = cursor.read_until(" ", NO_WORD)
    cursor.read_until(" ", NO_WORD)
    user = cursor.read_until(" ", NO_WORD)
    cursor.skip("[")
    time = cursor.read_until("]", frozenset('["'))
    cursor.skip(" ")
    request = cursor.read_quoted()
    cursor.skip(" ")
    status = cursor.read_until(" ", NO_WORD)
    size = cursor.read_until(" ", NO_WORD)
    referrer = cursor.read_quoted()
    cursor.skip(" ")
    agent = cursor.read_quoted()
    if cursor.at != len(text) or not _is_number(status, STATUS) or not _is_number(size, BYTES):
        raise RejectedLineError("malformed_line")
    method, url = _read_request(request)
    if time == "-":
        raise RejectedLineError("missing_field")
    moment = read_combined_time(time)
    if status == "-":
        raise RejectedLineError("missing_field")
    if not 100 <= int(status) <= 599 or (size != "-" and not _can_be_counted(size)):
        raise RejectedLineError("out_of_range")
    check_clock(moment)
    return {
        "event_at": moment,
        "client_ip": address,
        "user_id": None if user == "-" else user,
        "device_id": None,
        "method": method,
        "url": url,
        "status_code": int(status),
        "response_bytes": None if size == "-" else int(size),
        "referrer": None if referrer == "-" else referrer,
        "user_agent": None if agent == "-" else agent,
    }


def _read_request(request: str) -> tuple[str, str]:
    parts = request.split(" ")
    if len(parts) != 3 or not METHOD.fullmatch(parts[0]) or not PROTOCOL.fullmatch(parts[2]):
        raise RejectedLineError("malformed_request")
    if not parts[1] or set(WHITE_SPACE + CONTROLS) & set(parts[1]):
        raise RejectedLineError("malformed_request")
    return parts[0], parts[1]


def _is_number(text: str, form: re.Pattern[str]) -> bool:
    return text == "-" or form.fullmatch(text) is not None


def _can_be_counted(size: str) -> bool:
    return len(size) <= LONGEST_NUMBER and 0 <= int(size) < 2**63
