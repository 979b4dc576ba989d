"""Whatever the arguments, the generator is deterministic, accounts for every line, and plants all that it writes."""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipelines.synthetic import Generated, generate

IDENTIFIERS = re.compile(
    r"(?<![0-9a-z])u\d{9}(?!\d)"
    r"|[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}"
    r"|[a-z]+\.[a-z]+\d+(?:@|%40|＠)example\.(?:jp|com|net)"
    r"|(?<!\d)0[789]0-\d{4}-\d{4}|(?<![\d.])\d{3}(?:\.\d{2,3}){3}(?![\d.])"
    r"|(?<=sid=)[0-9a-f]{32}"
)
ARGUMENTS = {
    "days": st.integers(1, 3),
    "users": st.integers(1, 60),
    "seed": st.integers(0, 2**64),
    "start": st.dates(date(2020, 1, 1), date(2035, 12, 31)),
}
few_examples = settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@contextmanager
def generating(**arguments: int | date) -> Iterator[tuple[Generated, Path, set[str]]]:
    with TemporaryDirectory() as directory:
        out, plant = Path(directory, "landing"), Path(directory, "plant.txt")
        generated = generate(out, plant=plant, **arguments)
        yield generated, out, set(plant.read_text(encoding="utf-8").splitlines())


def read_bytes(path: Path) -> bytes:
    content = path.read_bytes()
    return gzip.decompress(content) if path.suffix == ".gz" else content


@few_examples
@given(**ARGUMENTS)
def test_every_identifier_in_the_files_is_planted(**arguments: int | date):
    with generating(**arguments) as (generated, _, planted):
        text = "\n".join(read_bytes(path).decode("utf-8", "replace") for path in generated.files)

        assert not set(IDENTIFIERS.findall(text)) - planted
        assert generated.planted_count == len(planted)


@few_examples
@given(**ARGUMENTS)
def test_the_same_arguments_give_the_same_bytes(**arguments: int | date):
    with generating(**arguments) as (first, out, planted), generating(**arguments) as (second, again, planted_again):
        assert planted == planted_again
        assert [path.relative_to(out) for path in first.files] == [path.relative_to(again) for path in second.files]
        assert [path.read_bytes() for path in first.files] == [path.read_bytes() for path in second.files]


@few_examples
@given(**ARGUMENTS)
def test_lines_are_counted_and_bad_ones_stay_under_one_per_cent(**arguments: int | date):
    with generating(**arguments) as (generated, _, _):
        contents = [read_bytes(path) for path in generated.files]
        assert generated.line_count == sum(content.count(b"\n") for content in contents)

        for path, content in zip(generated.files, contents, strict=True):
            lines = content.split(b"\n")[:-1]
            good = sum(map(is_object if "json" in path.name else is_combined, lines))
            assert len(lines) - good <= 0.01 * len(lines)


@few_examples
@given(**ARGUMENTS)
def test_whoever_asks_to_be_forgotten_was_seen(**arguments: int | date):
    with generating(**arguments) as (_, out, _):
        (requests,) = out.glob("requests/*")
        seen = b"".join(read_bytes(path) for path in out.glob("access/*"))

        for line in requests.read_bytes().splitlines():
            assert json.loads(line)["user_id"].encode() in seen


def is_object(line: bytes) -> bool:
    try:
        return isinstance(json.loads(line), dict)
    except ValueError:
        return False


def is_combined(line: bytes) -> bool:
    return re.fullmatch(rb'\S+ - \S+ \[[^\]]+\] "[^"]+" \d+ \d+ "[^"]+" "[^"]+"', line) is not None
