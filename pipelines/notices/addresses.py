"""Which addresses messages may go to: strict, since what a sender is given ends in a header, a command or a URL."""

from __future__ import annotations

import ipaddress
import re
from urllib.parse import urlsplit

import phonenumbers

E164 = re.compile(r"\+[1-9][0-9]{6,14}", re.ASCII)
ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
MAILBOX = re.compile(rf"(?=.{{1,64}}@){ATOM}(?:\.{ATOM})*@(?=.{{1,253}}\Z){LABEL}(?:\.{LABEL})*", re.ASCII)
PRINTABLE = re.compile(r"[!-~]+", re.ASCII)
LONGEST_MAILBOX = 254
LONGEST_ENDPOINT = 500


def is_phone(address: str) -> bool:
    """Whether it is a telephone number that can exist, as E.164 writes it, such as +819012345678."""
    if not E164.fullmatch(address):
        return False
    try:
        return phonenumbers.is_valid_number(phonenumbers.parse(address))
    except phonenumbers.NumberParseException:
        return False


def is_mailbox(address: str) -> bool:
    """Whether it is one bare mailbox (RFC 5321): no name, no comment, no quotes, all ASCII."""
    return len(address) <= LONGEST_MAILBOX and MAILBOX.fullmatch(address) is not None


def is_endpoint(address: str) -> bool:
    """Whether it is a URL that a message may be posted to: https, or http on this very machine, without a password."""
    if len(address) > LONGEST_ENDPOINT or not PRINTABLE.fullmatch(address):
        return False
    try:
        parts = urlsplit(address)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return False
    if not host or parts.username is not None or parts.password is not None:
        return False
    return parts.scheme == "https" or (parts.scheme == "http" and _is_loopback(host))


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
