"""Texts a second of detection and scrubbing beside Presidio's own engines, and identifiers a second of a column.

The mix is synthetic: URLs, agents, search terms and comments, of which 28 % are distinct and a stated share holds an
identifier, each another. Presidio's engines get a sample; their time for all texts is extrapolated from it. What they
find in each distinct text of the sample is compared with what the scanner finds in it, and a difference ends the run.
Every measurement is a process of its own, and so is its peak memory. Quote ratios, they survive a busy machine.

Run it as a module, `python -m benchmarks.anonymization`: as a script it would hide the package of its name.
"""

from __future__ import annotations

import argparse
import random
import re
import resource
import statistics
import sys
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from itertools import product
from multiprocessing import get_context
from typing import TypeVar

import polars as pl
from presidio_analyzer import BatchAnalyzerEngine, RecognizerResult

from anonymization.columns import treat_columns
from anonymization.distinct import map_distinct
from anonymization.free_text import TextScrubber, build_scrubber
from anonymization.keyring import Key
from anonymization.recognizers import LANGUAGE
from anonymization.treatment import Context, Treatment

SIZE, SAMPLE = 1_000_000, 20_000
SHARES = (0.03, 0.003)
DISTINCT = 0.28
DISTINCT_PEOPLE = 0.08  # as in the traffic that `tokumei generate` writes, a dozen lines a member
SEED = 20261122
RUNS = 5
KEY = Key("usage-1", "usage", "1a" * 32, "2026-11-01T00:00:00+00:00")

WORDS = re.split(
    r"\|",
    "中古|新品|ノートパソコン|16GB|iPhone15|ケース|レディース|コート|冬物|カメラ|レンズ|50mm|f1.8|フィギュア|限定|送料無料|"
    "腕時計|ブランド|バッグ|未使用|美品|まとめ売り|PS5|Switch|ソフト|1/144|ガンプラ|ポケモンカード|25周年|nike|air|max|27cm",
)
SENTENCES = re.split(
    r"\|",
    "商品が届くのが早くて助かりました。|梱包が丁寧でした！|説明と状態が違いました（汚れあり）。|また利用したいです。|"
    "検索が遅いと感じます|Great service, thank you.|The page keeps crashing on my phone. |送料が高い。|"
    "評価の仕方がわかりません？|入金の確認に3日かかった。|手数料10%は高い",
)
CHROME = "AppleWebKit/537.36 (KHTML, like Gecko) Chrome/1{2}.0.{4}.{3}"
INNOCENT = {  # and the weight of each; {4} is a number of four digits
    "/item/{8}": 10,
    "/item/m{10}?ref=top&page={2}": 10,
    "/search?category={4}&sort=new&min={3}00": 10,
    "/watch/list?from={6}": 5,
    "https://www.google.com/search?q=item{6}": 10,
    "https://auction.example.jp/item/{8}": 10,
    f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {CHROME} Safari/537.36": 5,
    f"Mozilla/5.0 (Linux; Android 16; SO-{{2}}C) {CHROME} Mobile Safari/537.36": 5,
    "{word} {word} {word}": 15,
    "{word} {word} {4}": 10,
    "{sentence}{sentence}{sentence}": 10,
}
IDENTIFYING = [
    "連絡先はtaro{4}@example.jpです。",
    "/contact?from=090-{4}-{4}&page=1",
    "{sentence} 080{8}",
    "Please write to me, u{9}. {sentence}",
    "{word} 192.0.2.{2} {word}",
    "〒100-{4}に送ってください。{sentence}",
    "4111 1111 1111 1111で払いました {word} {4}",
    "端末は{8}-{4}-4{3}-8{3}-{12}です",
    "00:1A:2b:{2}:{2}:{2} {sentence}",
]
FIELD = re.compile(r"\{(\w+)\}")
Spans = list[tuple[str, int, int, float]]
Found = Mapping[str, list[RecognizerResult]]
Result = TypeVar("Result")


@dataclass(frozen=True)
class Measurement:
    """Values, seconds by the wall and of all cores, peak memory of the process, what was found in the sample."""

    count: int
    wall: float
    cores: float
    peak_mib: float
    found: Mapping[str, Spans]


def main() -> None:
    """Print a row for each way to treat each mix of texts, and one for each kind of column."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--size", type=int, default=SIZE, help="texts in a mix, and identifiers in a column")
    arguments.add_argument("--sample", type=int, default=SAMPLE, help="texts that Presidio's own engines are given")
    options = arguments.parse_args()
    print(f"{options.size:,} values; Presidio's engines on the first {options.sample:,}, extrapolated")
    for share in SHARES:
        compare(options.size, options.sample, share)
    print(f"\n{'one column':40} {'values/s':>12} {'a core and s':>17} {'peak MiB':>9}")
    for domain, distinct in product(("user", "device", "address"), (DISTINCT, DISTINCT_PEOPLE)):
        done = run_alone(measure_column, options.size, domain, distinct)
        print_row(f"pseudonymise, {domain}, {distinct:.0%} distinct", done, f"{done.count / done.cores:>17,.0f}")


def compare(size: int, sample: int, share: float) -> None:
    """Measure every way in turn; exits when two of them disagree on a text of the sample."""
    print(f"\n{f'{share:.1%} of texts identifying':40} {'texts/s':>12} {'times':>8} {'by CPU':>8} {'peak MiB':>9}")
    done = {way: run_alone(measure_texts, size, sample, share, way) for way in WAYS}
    plain = done["AnalyzerEngine, one by one"]
    for way, measurement in done.items():
        more = measurement.count / plain.count
        wall, cores = (more * plain.wall / measurement.wall, more * plain.cores / measurement.cores)
        print_row(way, measurement, f"{wall:>8,.1f} {cores:>8,.1f}")
    if any(measurement.found != plain.found for measurement in done.values() if measurement.found):
        sys.exit("the scanner and the engines differ on a text of the sample")
    identifying = sum(map(bool, plain.found.values()))
    print(f"no difference in {len(plain.found):,} distinct texts, {identifying:,} of them identifying")


def print_row(name: str, done: Measurement, figure: str) -> None:
    """One line of a table."""
    print(f"{name:40} {done.count / done.wall:>12,.0f} {figure} {done.peak_mib:>9,.0f}", flush=True)


def run_alone(function: Callable[..., Measurement], *given: object) -> Measurement:
    """The function's result from a fresh process."""
    with ProcessPoolExecutor(1, get_context("spawn")) as process:
        return process.submit(function, *given).result()


def measure_texts(size: int, sample: int, share: float, way: str) -> Measurement:
    """One way on its texts, after a few to warm up."""
    treat, is_sampled = WAYS[way]
    scrubber = build_scrubber((("MEMBER_ID", "u[0-9]{9}"),))
    texts = generate_texts(size, share)
    given = texts.head(sample) if is_sampled else texts
    treat(scrubber, texts.head(100))
    found, wall, cores = take_time(lambda: treat(scrubber, given))
    spans = {text: simplify(found.get(text, [])) for text in texts.head(sample).unique()} if found else {}
    return Measurement(len(given), wall, cores, peak_mib(), spans)


def measure_column(size: int, domain: str, share: float) -> Measurement:
    """Pseudonyms of a column in which a share of the values is distinct; the median of some runs."""
    draw = random.Random(SEED)
    shapes = {"user": "u{9}", "device": "{8}-{4}-4{3}-8{3}-{12}", "address": "1{1}.{2}.{2}.{2}"}
    distinct = draw_distinct(draw, {shapes[domain]: 1}, int(size * share))
    frame = pl.DataFrame({"value": draw.choices(distinct, k=size)})
    treatments = [Treatment("pseudonym", "pseudonymise", ("value",), {"domain": domain})]
    runs = [take_time(lambda: treat_columns(frame, treatments, Context(KEY)))[1:] for _ in range(RUNS)]
    wall, cores = (statistics.median(seconds) for seconds in zip(*runs, strict=True))
    return Measurement(size, wall, cores, peak_mib(), {})


def analyze_one_by_one(scrubber: TextScrubber, texts: pl.Series) -> Found:
    """Presidio's plain loop."""
    return {text: scrubber.analyzer.analyze(text, LANGUAGE) for text in texts}


def analyze_in_batches(scrubber: TextScrubber, texts: pl.Series) -> Found:
    """Presidio's own way for many texts."""
    batch = BatchAnalyzerEngine(scrubber.analyzer)
    return dict(zip(texts, batch.analyze_iterator(texts.to_list(), LANGUAGE), strict=True))


def scan(scrubber: TextScrubber, texts: pl.Series) -> Found:
    """What is measured here."""
    return scrubber.scanner.scan(texts)


def scrub(scrubber: TextScrubber, texts: pl.Series) -> Found:
    """All that is done to a column: normalise, scan, replace."""
    entities = sorted(scrubber.detectable)
    map_distinct(texts, lambda distinct: scrubber.scrub(distinct, entities).to_frame())
    return {}


# Each way, and whether it is given the sample only.
WAYS: Mapping[str, tuple[Callable[[TextScrubber, pl.Series], Found], bool]] = {
    "AnalyzerEngine, one by one": (analyze_one_by_one, True),
    "BatchAnalyzerEngine": (analyze_in_batches, True),
    "Scanner.scan": (scan, False),
    "TextScrubber.scrub, the whole treatment": (scrub, False),
}


def take_time(function: Callable[[], Result]) -> tuple[Result, float, float]:
    """The function's result, and the seconds that it took by the wall and of all cores."""
    wall, cores = time.perf_counter(), time.process_time()
    result = function()
    return result, time.perf_counter() - wall, time.process_time() - cores


def peak_mib() -> float:
    """Peak resident memory of this process so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def simplify(results: list[RecognizerResult]) -> Spans:
    """What must be equal: kinds, places and scores, in order."""
    return [(result.entity_type, result.start, result.end, result.score) for result in results]


def generate_texts(size: int, share: float) -> pl.Series:
    """A mix in which all identifying texts are distinct, and innocent ones are repeated at random."""
    draw = random.Random(SEED)
    identifying = draw_distinct(draw, dict.fromkeys(IDENTIFYING, 1), int(size * share))
    innocent = draw_distinct(draw, INNOCENT, int(size * DISTINCT) - len(identifying))
    repeated = draw.choices(innocent, k=size - len(innocent) - len(identifying))
    texts = [*identifying, *innocent, *repeated]
    draw.shuffle(texts)
    return pl.Series("text", texts)


def draw_distinct(draw: random.Random, shapes: Mapping[str, int], count: int) -> list[str]:
    """Texts of these shapes by weight, all different."""
    texts: dict[str, None] = {}
    while len(texts) < count:
        shape = draw.choices(list(shapes), list(shapes.values()))[0]
        texts[FIELD.sub(lambda field: fill(draw, field[1]), shape)] = None
    return list(texts)


def fill(draw: random.Random, field: str) -> str:
    """A word, a sentence, or a number of as many digits as the field says."""
    if field.isdigit():
        return str(draw.randrange(10 ** (int(field) - 1), 10 ** int(field)))
    return draw.choice(WORDS if field == "word" else SENTENCES)


if __name__ == "__main__":
    main()
