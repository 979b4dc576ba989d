"""Good lines broken at random, in the ways in which writers, shippers and attackers break them."""

from __future__ import annotations

import random
import re
from collections.abc import Sequence

DAY = re.compile(r"\"(?:as_of|\w+_date)\":\"[^\"]*\"")
WORDS = "null true 1.5 60 -1 NaN T // :// :8080 ::ffff: %20 %e3%81%82 utm_source= &utm_medium=x google.com bot \\ud800"
TIMES = "23:59:60 :60 +0960 +2400 -0000 +09:00 09 nov November W47 .123456789012 , ２ ０９"
PIECES = (
    *'"\\ []-{},:0?#@&%+.',
    "\u3000",
    "é",
    "\x85",
    "\x1f",
    "\t",
    "\r",
    '\\"',
    '""',
    '"-"',
    " - ",
    ":60 ",
    "２",
    *WORDS.split(),
)


def break_lines(lines: Sequence[str], count: int, chance: random.Random) -> list[bytes]:
    """Copies of the lines with pieces put in, cut out, exchanged or repeated, but the days of JSON whole."""
    broken: list[bytes] = []
    while len(broken) < count:
        line = chance.choice(lines)
        mutant = line
        for _ in range(chance.choice([1, 1, 1, 2, 3])):
            mutant = break_line(mutant, chance)
        if DAY.findall(line) == DAY.findall(mutant) and "\n" not in mutant:
            broken.append(mutant.encode() + b"\n")
    return broken


def break_line(line: str, chance: random.Random) -> str:
    """A line in which a piece took the place of some characters, or of none."""
    start = chance.randrange(len(line) + 1)
    stop = min(len(line), start + chance.choice([0, 0, 1, 2, 5, 20]))
    piece = chance.choice([*PIECES, "", line[stop : stop + 30]])
    return line[:start] + piece + line[stop:]
