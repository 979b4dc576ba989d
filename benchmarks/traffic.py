"""Traffic of any size for the benchmark of ingestion: the same requests as combined lines and as JSON lines.

`tokumei generate` writes a base of three days up to yesterday: people with sessions, robots, IPv4 and IPv6, searches,
campaigns, and lines that are broken, of which a third is kept (about 0.1 %). Larger traffic is that base over and over,
a few seconds later each time, and never the same: two thirds of the addresses are then other ones, with other members
behind them, so that some visitors come back (a few of them very often, as in a Zipf distribution) and most do not; half
of the items looked at are other items; one request in twenty comes from another build of its browser. Lines stay in the
order of time within the hour. In JSON each line has a device id and languages on top.
"""

from __future__ import annotations

import gzip
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from typing import BinaryIO

import polars as pl

TOKUMEI = Path(sys.executable).with_name("tokumei")
BASE_DAYS, BASE_MEMBERS = 3, 7500  # about 200,000 lines
BLOCK_LINES = 2_000
BROKEN_KEPT = 3  # one in so many, since the generator breaks more of them than servers do
FIELDS = ("address", "user", "time", "method", "url", "protocol", "status", "bytes", "referrer", "agent")
COMBINED = r'^(\S+) - (\S+) \[([^\]]+) \+0900\] "(\S+) (\S+) (\S+)" (\d{3}) (\d+|-) "([^"\\]*)" "([^"\\]*)"$'
TIME = "%d/%b/%Y:%H:%M:%S"
LANGUAGES = ("ja", "ja-JP", "ja,en-US;q=0.9,en;q=0.8", "ja-JP,ja;q=0.9,en-US;q=0.8", "en-US,en;q=0.5", "zh-CN,zh;q=0.9")


@dataclass(frozen=True, slots=True)
class Traffic:
    """Two files of the same requests, and how many lines each of them has."""

    combined: Path
    json_lines: Path
    line_count: int


def write_traffic(directory: Path, base: pl.DataFrame, line_count: int) -> Traffic:
    """Exactly so many lines in each of two files; base: what `make_base` gives."""
    copies = ceil(line_count / base.height)
    taken = base.sample(ceil(line_count / copies), seed=1).sort("written")
    traffic = Traffic(directory / f"{line_count}.log", directory / f"{line_count}.jsonl", line_count)
    left = line_count
    with traffic.combined.open("wb") as combined, traffic.json_lines.open("wb") as json_lines:
        for block in (renew(part, copy) for part in taken.iter_slices(BLOCK_LINES) for copy in range(copies)):
            write_lines(combined, block.head(left).select(spell_combined()))
            write_lines(json_lines, block.head(left).select(spell_json()))
            left -= min(left, block.height)
    return traffic


def make_base() -> pl.DataFrame:
    """Requests as columns of text, but for their times; of a broken line only `line` and when it was `written`."""
    with tempfile.TemporaryDirectory() as directory:
        size = ["--days", str(BASE_DAYS), "--users", str(BASE_MEMBERS)]
        subprocess.run([TOKUMEI, "generate", "--out", directory, *size], check=True, stdout=subprocess.DEVNULL)
        return describe_lines(pl.Series("line", list(read_lines(Path(directory) / "access")), dtype=pl.String))


def describe_lines(lines: pl.Series) -> pl.DataFrame:
    """Combined lines in parts; of a broken line, of which most are left out, the line as it is."""
    groups = lines.to_frame().select("line", field=pl.col("line").str.extract_groups(COMBINED)).unnest("field")
    requests = groups.rename({str(place): name for place, name in enumerate(FIELDS, start=1)})
    times = requests.with_columns(pl.col("time").str.to_datetime(TIME, strict=False))
    kept = pl.col("time").is_not_null() | (pl.int_range(pl.len()) % BROKEN_KEPT == 0)
    return times.with_columns(written=pl.col("time").forward_fill()).filter(kept)


def read_lines(directory: Path) -> Iterator[str]:
    """The text lines of every log in the combined format; what is no UTF-8 is left to other tests."""
    for path in sorted(directory.glob("*.log*")):
        content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
        yield from content.decode(errors="replace").splitlines()


def renew(requests: pl.DataFrame, copy: int) -> pl.DataFrame:
    """The same requests a little later, and in part by others, with other browsers, for other items."""
    if copy == 0:
        return requests
    later = pl.col("time") + pl.duration(seconds=copy)
    time = pl.when(later.dt.date() == pl.col("time").dt.date()).then(later).otherwise("time")
    returns = pl.col("address").hash(seed=0) % 3 == 0
    item = pl.col("url").str.replace(r"^/item/(\d{6})\d{4}", f"/item/${{1}}{copy % 10_000:04}")
    agent = pl.col("agent").str.replace(
        r"(Chrome|Version)/(\d+)\.[0-9.]+", f"${{1}}/${{2}}.0.{7000 + copy}.{copy % 200}"
    )
    return requests.with_columns(
        time=time,
        address=pl.when(returns).then("address").otherwise(draw_address(copy)),
        user=pl.when(returns | (pl.col("user") == "-")).then("user").otherwise("u" + draw_digits("user", copy, 9)),
        url=pl.when(pl.col("url").hash(seed=0) % 2 == 0).then("url").otherwise(item),
        agent=pl.when(pl.col("address").hash(seed=copy) % 20 == 0).then(agent).otherwise("agent"),
    )


def draw_address(copy: int) -> pl.Expr:
    """Another address of the same provider, always the same one for an address and a copy."""
    digits, octet = draw_digits("address", copy, 18), pl.col("address").hash(seed=copy)
    octets = [(10 + (octet // 245**place) % 245).cast(pl.String) for place in range(3)]
    groups = ["1" + digits.str.slice(3 * place, 3) for place in range(6)]
    ipv4 = pl.concat_str(pl.col("address").str.extract(r"^(\d+)\."), *octets, separator=".")
    ipv6 = pl.concat_str(pl.col("address").str.extract(r"^([0-9A-Fa-f]+:[0-9A-Fa-f]+):"), *groups, separator=":")
    return pl.coalesce(ipv4, ipv6, "address")


def draw_digits(column: str, seed: int, count: int) -> pl.Expr:
    """As many digits, always the same for a value and a seed."""
    return pl.col(column).hash(seed=seed).cast(pl.String).str.zfill(20).str.tail(count)


def spell_combined() -> pl.Expr:
    """Each request as a line of the combined format."""
    stamp = pl.col("time").dt.to_string(TIME)
    head = pl.format('{} - {} [{} +0900] "{} {} {}" ', "address", "user", stamp, "method", "url", "protocol")
    return pl.coalesce(head + pl.format('{} {} "{}" "{}"', "status", "bytes", "referrer", "agent"), "line")


def spell_json() -> pl.Expr:
    """Each request as a JSON object; no text in it needs an escape, as broken lines are copied as they are."""
    digits = draw_digits("address", 1, 18) + draw_digits("agent", 1, 18)
    device = pl.format(
        "{}-{}-4{}-8{}-{}", *(digits.str.slice(*part) for part in ((0, 8), (8, 4), (12, 3), (15, 3), (18, 12)))
    )
    language = (pl.col("address").hash(seed=2) % len(LANGUAGES)).replace_strict(dict(enumerate(LANGUAGES)))
    quoted = {
        name: pl.when(pl.col(name) != "-").then('"' + pl.col(name) + '"') for name in ("user", "referrer", "agent")
    }
    fields = {
        "time": '"' + pl.col("time").dt.to_string("%Y-%m-%dT%H:%M:%S+09:00") + '"',
        "remote_addr": '"' + pl.col("address") + '"',
        "user_id": quoted["user"],
        "device_id": '"' + device + '"',
        "request_method": '"' + pl.col("method") + '"',
        "request_uri": '"' + pl.col("url") + '"',
        "status": pl.col("status"),
        "body_bytes_sent": pl.when(pl.col("bytes") != "-").then("bytes"),
        "http_referer": quoted["referrer"],
        "http_user_agent": quoted["agent"],
        "accept_language": '"' + language + '"',
    }
    members = [pl.lit(f'"{name}":') + value.fill_null("null") for name, value in fields.items()]
    return pl.when(pl.col("time").is_null()).then("line").otherwise("{" + pl.concat_str(members, separator=",") + "}")


def write_lines(stream: BinaryIO, lines: pl.DataFrame) -> None:
    """The one column of texts, a line each."""
    if lines.height:
        stream.write(lines.to_series().str.join("\n").item().encode() + b"\n")
