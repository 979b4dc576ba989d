"""nginx `log_format` and Apache `LogFormat`: what a line is made of, and which column each of its variables fills."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from itertools import pairwise

NGINX_VARIABLE = re.compile(r"\$(?:\{([A-Za-z0-9_]+)\}|([A-Za-z0-9_]+))")
# Conditions on the status and the choice of request (<, >) do not change what is written. %U and %q make one URL.
APACHE_DIRECTIVE = re.compile(r"(%U%q)|%(?:!?[0-9]{3}(?:,[0-9]{3})*)?[<>]?(\{[^}]*\})?(\^t[io]|[A-Za-z%])")
APACHE_ESCAPES = {'\\"': '"', "\\t": "\t", "\\\\": "\\"}

SPACE = " "

# For each variable its column, and how its value is written where the column's type does not say.
KNOWN_VARIABLES: Mapping[str, tuple[str, str | None]] = {
    "$remote_addr": ("client_ip", None),
    "$remote_user": ("user_id", None),
    "$time_local": ("event_at", "clf"),
    "$time_iso8601": ("event_at", "iso8601"),
    "$msec": ("event_at", "seconds"),
    "$request": ("request", None),
    "$request_method": ("method", None),
    "$request_uri": ("url", None),
    "$status": ("status_code", None),
    "$body_bytes_sent": ("response_bytes", None),
    "$http_referer": ("referrer", None),
    "$http_user_agent": ("user_agent", None),
    "$http_accept_language": ("accept_language", None),
    "$http_x_forwarded_for": ("forwarded_for", None),
    "$request_time": ("request_seconds", "seconds"),
    "$host": ("host", None),
    "$http_host": ("host", None),
    "$server_name": ("host", None),
    "%h": ("client_ip", None),
    "%a": ("client_ip", None),
    "%u": ("user_id", None),
    "%t": ("event_at", "clf"),
    "%{sec}t": ("event_at", "seconds"),
    "%{msec}t": ("event_at", "milliseconds"),
    "%{usec}t": ("event_at", "microseconds"),
    "%{%Y-%m-%dT%H:%M:%S%z}t": ("event_at", "iso8601"),
    "%r": ("request", None),
    "%m": ("method", None),
    "%U%q": ("url", None),
    "%s": ("status_code", None),
    "%b": ("response_bytes", None),
    "%B": ("response_bytes", None),
    "%{referer}i": ("referrer", None),
    "%{user-agent}i": ("user_agent", None),
    "%{accept-language}i": ("accept_language", None),
    "%{x-forwarded-for}i": ("forwarded_for", None),
    "%D": ("request_seconds", "microseconds"),
    "%T": ("request_seconds", "seconds"),
    "%{s}T": ("request_seconds", "seconds"),
    "%{ms}T": ("request_seconds", "milliseconds"),
    "%{us}T": ("request_seconds", "microseconds"),
    "%{host}i": ("host", None),
    "%v": ("host", None),
    "%V": ("host", None),
}


@dataclass(frozen=True, slots=True)
class Variable:
    """One value of a line, by its name as the layout writes it: $status, %s, %{referer}i."""

    name: str


Token = str | Variable


class UnreadableLayoutError(ValueError):
    """A layout by which no line could be read; completes the sentence "layout …"."""


@cache
def parse_layout(layout: str) -> tuple[Token, ...]:
    """Texts and variables in the order of the line, no two texts in a row; UnreadableLayoutError says what is wrong."""
    tokens = tuple(_join_texts(_tokenise_nginx(layout) if NGINX_VARIABLE.search(layout) else _tokenise_apache(layout)))
    if not any(isinstance(token, Variable) for token in tokens):
        raise UnreadableLayoutError("holds no variable of nginx or Apache")
    if sum(token.count('"') for token in tokens if isinstance(token, str)) % 2:
        raise UnreadableLayoutError("opens a quote that it does not close")
    for first, second in pairwise(tokens):
        if isinstance(first, Variable) and isinstance(second, Variable):
            raise UnreadableLayoutError(f"has nothing between {first.name} and {second.name} to tell them apart")
    return tokens


def _tokenise_nginx(layout: str) -> Iterator[Token]:
    end = 0
    for found in NGINX_VARIABLE.finditer(layout):
        yield layout[end : found.start()]
        yield Variable(f"${found[1] or found[2]}")
        end = found.end()
    yield layout[end:]


def _tokenise_apache(layout: str) -> Iterator[Token]:
    for written, meant in APACHE_ESCAPES.items():
        layout = layout.replace(written, meant)
    end = 0
    for found in APACHE_DIRECTIVE.finditer(layout):
        yield layout[end : found.start()]
        yield from _read_directive(found)
        end = found.end()
    yield layout[end:]


def _read_directive(found: re.Match[str]) -> Iterator[Token]:
    both, argument, letter = found.groups()
    if both:
        yield Variable(both)
    elif letter == "%":
        yield "%"
    elif letter == "t" and not argument:
        yield from ("[", Variable("%t"), "]")
    else:
        shown = (argument or "").lower() if letter == "i" else argument or ""
        yield Variable(f"%{shown}{letter}")


def _join_texts(tokens: Iterator[Token]) -> Iterator[Token]:
    text = ""
    for token in tokens:
        if isinstance(token, str):
            text += token
            continue
        if text:
            yield text
            text = ""
        yield token
    if text:
        yield text


def name_variables(tokens: tuple[Token, ...]) -> tuple[str, ...]:
    """The variables of a layout in order, as often as they occur."""
    return tuple(token.name for token in tokens if isinstance(token, Variable))


def find_separator(tokens: tuple[Token, ...]) -> str:
    """What ends a value outside of quotes: a space where the layout has one there, else what follows a variable."""
    outside = "".join("".join(token if isinstance(token, str) else "\0" for token in tokens).split('"')[::2])
    following = re.search("\0([^\0])", outside)
    return SPACE if SPACE in outside or following is None else following[1]
