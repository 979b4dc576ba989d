"""Files of the access log in a house's landing, and what of them is in its lake afterwards."""

import polars as pl

from pipelines.journeys.ingest import find_files, ingest
from pipelines.lake.layout import open_table


def request(number, user=None):
    time = f"22/Nov/2026:10:{number // 60:02}:{number % 60:02} +0900"
    return f'203.0.113.{number % 250} - {user or "-"} [{time}] "GET /login HTTP/1.1" 200 7 "-" "Mozilla/5.0"'


def requests(*numbers, user=None):
    return "".join(request(number, user) + "\n" for number in numbers)


def deliver(house, name, content):
    path = house.settings.landing / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def ingest_all(house):
    return ingest(house, find_files(house))


def read(house, table):
    return pl.read_delta(open_table(house.lake, house.catalogue.get("lake", table)))


def parts_on_disk(house):
    return [path for path in (house.settings.home / "lake").rglob("*.parquet") if "_delta_log" not in path.parts]
