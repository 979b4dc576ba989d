"""Countries of addresses, from a file that the operator supplies; of the address nothing else remains."""

import pickle
import struct
from collections.abc import Callable, Mapping
from ipaddress import ip_network
from pathlib import Path

import polars as pl
import pytest

from anonymization.country import locate_addresses
from pipelines.errors import ConfigurationError
from pipelines.ingestion.country import open_country_database
from pipelines.journeys.doctor import examine
from pipelines.journeys.house import open_house
from pipelines.settings import load_settings

MARKER = b"\xab\xcd\xefMaxMind.com"
JAPAN, FRANCE = {"country": {"iso_code": "JP"}}, {"country": {"iso_code": "FR"}}


def encode(value: object) -> bytes:
    """A value of a MaxMind DB file, by its specification 2.0: texts, maps, empty lists, packed numbers."""
    if isinstance(value, str):
        return bytes([2 << 5 | len(value)]) + value.encode()
    if isinstance(value, tuple):
        kind = {">H": [5 << 5 | 2], ">I": [6 << 5 | 4], ">Q": [8, 2]}[value[0]]
        return bytes(kind) + struct.pack(*value)
    if isinstance(value, list):
        return bytes([0, 4])
    assert isinstance(value, dict)
    return bytes([7 << 5 | len(value)]) + b"".join(encode(part) for item in value.items() for part in item)


def write_database(path: Path, records: Mapping[str, object], version: int = 6) -> Path:
    """A file with records of 24 bits that tells what each network's record is; IPv4 lies below ::/96."""
    nodes: list[list[object]] = [[None, None]]
    for text, record in records.items():
        network = ip_network(text)
        bits = 128 if version == 6 else 32
        depth = network.prefixlen + (96 if version == 6 and network.version == 4 else 0)
        node = 0
        for place in range(depth - 1):
            side = int(network.network_address) >> (bits - 1 - place) & 1
            if nodes[node][side] is None:
                nodes.append([None, None])
                nodes[node][side] = len(nodes) - 1
            found = nodes[node][side]
            assert isinstance(found, int)
            node = found
        nodes[node][int(network.network_address) >> (bits - depth) & 1] = encode(record)
    tree, data = b"", b""
    for node_pair in nodes:
        for found in node_pair:
            value = found if isinstance(found, int) else len(nodes)
            if isinstance(found, bytes):
                value, data = len(nodes) + 16 + len(data), data + found
            tree += value.to_bytes(3, "big")
    about: dict[str, object] = {"database_type": "Test-Country", "languages": [], "description": {}}
    about |= {"node_count": (">I", len(nodes)), "record_size": (">H", 24), "ip_version": (">H", version)}
    about |= {"binary_format_major_version": (">H", 2), "binary_format_minor_version": (">H", 0)}
    about |= {"build_epoch": (">Q", 1_795_000_000)}
    path.write_bytes(tree + bytes(16) + data + MARKER + encode(about))
    return path


@pytest.fixture
def database(tmp_path: Path) -> Path:
    records = {
        "203.0.113.0/25": JAPAN,
        "198.51.100.0/24": FRANCE,
        "2001:db8:1::/48": JAPAN,
        "192.0.2.0/28": "JP",
        "192.0.2.16/28": {"country_code": "DE", "country": "Germany"},
        "192.0.2.32/28": {"country": {"names": "none"}},
        "192.0.2.48/28": {"country": {"iso_code": "Japan"}},
        "192.0.2.64/28": {"country": "KR"},
    }
    return write_database(tmp_path / "countries.mmdb", records)


@pytest.mark.parametrize(
    ("address", "country"),
    [
        ("203.0.113.9", "JP"),
        (" 203.0.113.9:8080 ", "JP"),
        ("::ffff:203.0.113.9", "JP"),
        ("203.0.113.200", "unknown"),
        ("198.51.100.1", "FR"),
        ("2001:DB8:1::1", "JP"),
        ("2001:db8:2::1", "unknown"),
        ("192.0.2.1", "unknown"),
        ("192.0.2.17", "DE"),
        ("192.0.2.33", "unknown"),
        ("192.0.2.49", "unknown"),
        ("192.0.2.65", "KR"),
        ("taro@example.jp", "unknown"),
        ("", "unknown"),
        (None, "unknown"),
    ],
)
def test_address_becomes_the_country_that_the_file_tells(database: Path, address: str | None, country: str):
    find_country = open_country_database(str(database))
    assert find_country is not None

    located = locate_addresses(pl.Series([address], dtype=pl.String), find_country)
    assert located.to_dict(as_series=False) == {"country": [country]}


def test_file_of_ipv4_only_knows_no_ipv6(tmp_path: Path):
    database = open_country_database(str(write_database(tmp_path / "v4.mmdb", {"203.0.113.0/24": JAPAN}, version=4)))
    assert database is not None

    assert (database("203.0.113.9"), database("2001:db8::1")) == ("JP", None)


def test_look_up_can_be_sent_to_another_process(database: Path):
    find_country = open_country_database(str(database))

    assert pickle.loads(pickle.dumps(find_country))("198.51.100.1") == "FR"


def test_file_that_takes_another_s_place_is_opened_anew(tmp_path: Path):
    path = tmp_path / "countries.mmdb"
    for countries in (JAPAN, FRANCE):
        write_database(tmp_path / "next.mmdb", {"203.0.113.0/24": countries}).rename(path)
        found = open_country_database(str(path))
        assert found is not None
        assert found("203.0.113.9") == countries["country"]["iso_code"]


def test_no_file_is_no_fault():
    assert open_country_database("") is None


def spoil(content: bytes) -> bytes:
    """The data of the records overwritten, so that the file opens and its look-ups fail."""
    end = content.index(MARKER)
    return content[: end - 60] + b"\xff" * 60 + content[end:]


@pytest.mark.parametrize("make", [lambda _: b"", lambda _: b"country,iso\n", lambda content: content[:-30], None])
def test_unusable_file_is_refused_by_the_name_of_its_setting(
    database: Path, tmp_path: Path, make: Callable[[bytes], bytes] | None
):
    path = tmp_path / "other.mmdb"
    if make is not None:
        path.write_bytes(make(database.read_bytes()))
    settings = load_settings({"TOKUMEI_HOME": str(tmp_path / "home"), "TOKUMEI_COUNTRY_DATABASE": str(path)})

    with pytest.raises(ConfigurationError, match="TOKUMEI_COUNTRY_DATABASE"):
        open_country_database(settings.country_database)
    findings = {finding.subject: finding for finding in examine(settings)}
    assert not findings["countries"].is_well
    assert "TOKUMEI_COUNTRY_DATABASE" in findings["countries"].detail


def test_file_that_breaks_at_a_look_up_is_refused_without_the_address(database: Path, tmp_path: Path):
    path = tmp_path / "other.mmdb"
    path.write_bytes(spoil(database.read_bytes()))
    find_country = open_country_database(str(path))
    assert find_country is not None

    with pytest.raises(ConfigurationError, match="TOKUMEI_COUNTRY_DATABASE is broken") as caught:
        find_country("192.0.2.65")
    assert (caught.value.__context__, caught.value.__cause__) == (None, None)


def test_doctor_says_whose_countries_are_told(database: Path, tmp_path: Path):
    settings = load_settings({"TOKUMEI_HOME": str(tmp_path / "home"), "TOKUMEI_COUNTRY_DATABASE": str(database)})

    details = {finding.subject: finding.detail for finding in examine(settings)}
    assert details["countries"] == "from Test-Country of 2026-11-18"


def test_ingested_page_views_hold_a_country_and_no_address(open_town, database: Path):
    town = open_town(TOKUMEI_COUNTRY_DATABASE=str(database))
    town.land("access", "abroad.jsonl", [town.visit(None, None, "2026-11-21", 5, remote_addr="198.51.100.77")])
    town.take_in()

    countries = town.rows("page_views")["country"].value_counts()
    assert dict(countries.rows()) == {"unknown": 32, "FR": 1}
    paths = [path for path in town.home.rglob("*") if path.is_file() and "landing" not in path.parts]
    assert not any(b"198.51.100.77" in path.read_bytes() for path in paths)


def test_house_does_not_open_with_a_broken_file(town, tmp_path: Path):
    settings = load_settings({"TOKUMEI_HOME": str(town.home), "TOKUMEI_COUNTRY_DATABASE": str(tmp_path / "none")})

    with pytest.raises(ConfigurationError, match="TOKUMEI_COUNTRY_DATABASE cannot be read"):
        open_house(settings)
