"""Whether an address is a datacentre's, by a file that the operator supplies; of the address nothing else remains."""

import pickle
from ipaddress import ip_address, ip_network
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anonymization.datacentre import tell_datacentres
from pipelines.errors import ConfigurationError
from pipelines.ingestion.datacentres import open_datacentre_networks
from pipelines.journeys.doctor import examine
from pipelines.journeys.house import open_house
from pipelines.settings import load_settings

LISTED = """# of a cloud
198.51.100.0/25
198.51.100.128/25   # the other half
203.0.113.7
2001:db8:1::/48

2001:db8:1:2::/64
"""


@pytest.fixture
def listed(tmp_path: Path) -> Path:
    path = tmp_path / "networks.txt"
    path.write_text(LISTED)
    return path


@pytest.mark.parametrize(
    ("address", "is_datacentre"),
    [
        ("198.51.100.0", True),
        ("198.51.100.255", True),
        (" 198.51.100.200:8080 ", True),
        ("::ffff:198.51.100.9", True),
        ("198.51.99.255", False),
        ("198.51.101.0", False),
        ("203.0.113.7", True),
        ("203.0.113.8", False),
        ("2001:DB8:1:ffff::1", True),
        ("2001:db8:2::", False),
        ("taro@example.jp", None),
        ("", None),
        (None, None),
    ],
)
def test_address_is_a_datacentre_s_where_a_network_of_the_file_holds_it(
    listed: Path, address: str | None, *, is_datacentre: bool | None
):
    networks = open_datacentre_networks(str(listed))
    assert networks is not None

    told = tell_datacentres(pl.Series([address], dtype=pl.String), networks)
    assert told.to_dict(as_series=False) == {"is_datacentre": [is_datacentre]}


def test_without_a_file_nothing_is_told():
    assert open_datacentre_networks("") is None
    told = tell_datacentres(pl.Series(["198.51.100.1"]), None)
    assert told.schema == {"is_datacentre": pl.Boolean()}
    assert told["is_datacentre"].to_list() == [None]


NETWORKS = st.builds(
    lambda number, length: ip_network((number >> (32 - length) << (32 - length), length)),
    st.integers(0, 2**12).map(lambda low: 0xC0A80000 + low),
    st.integers(20, 32),
)


@settings(max_examples=50, deadline=None)
@given(st.lists(NETWORKS, max_size=12), st.lists(st.integers(-5, 2**12 + 5), max_size=30))
def test_any_list_of_networks_tells_what_asking_each_of_them_tells(tmp_path_factory, networks, offsets):
    path = tmp_path_factory.mktemp("networks") / "networks.txt"
    path.write_text("\n".join(map(str, networks)))
    found = open_datacentre_networks(str(path))
    addresses = [ip_address(0xC0A80000 + offset) for offset in offsets]
    assert [found(each.packed) for each in addresses] == [any(each in one for one in networks) for each in addresses]


def test_look_up_can_be_sent_to_another_process_and_a_new_file_is_read_anew(listed: Path, tmp_path: Path):
    networks = open_datacentre_networks(str(listed))
    address = ip_address("192.0.2.1").packed
    assert not pickle.loads(pickle.dumps(networks))(address)

    (tmp_path / "next.txt").write_text("192.0.2.0/24\n")
    (tmp_path / "next.txt").rename(listed)
    assert open_datacentre_networks(str(listed))(address)


@pytest.mark.parametrize("content", [b"198.51.100.1/24\n", b"no network\n", b"\xff\xfe\n", None])
def test_unusable_file_is_refused_by_the_name_of_its_setting_without_its_text(content: bytes | None, tmp_path: Path):
    path = tmp_path / "other.txt"
    if content is not None:
        path.write_bytes(content)
    variables = {"TOKUMEI_HOME": str(tmp_path / "home"), "TOKUMEI_DATACENTRE_NETWORKS": str(path)}

    with pytest.raises(ConfigurationError, match="TOKUMEI_DATACENTRE_NETWORKS") as caught:
        open_datacentre_networks(str(path))
    assert "198.51" not in str(caught.value)
    findings = {finding.subject: finding for finding in examine(load_settings(variables))}
    assert not findings["datacentres"].is_well


def test_ingested_security_events_tell_and_hold_no_address(open_town, listed: Path):
    town = open_town(TOKUMEI_DATACENTRE_NETWORKS=str(listed))
    refused = {"request_method": "POST", "request_uri": "/login", "status": 401}
    town.land(
        "access",
        "cloud.jsonl",
        [town.visit(None, None, "2026-11-21", 5, remote_addr=at, **refused) for at in ("198.51.100.77", "192.0.2.77")],
    )
    town.take_in()

    told = town.rows("security_events")["is_datacentre"].value_counts(sort=True)
    assert sorted(told.rows(), key=str) == [(False, 1), (None, 9), (True, 1)]
    paths = [path for path in town.home.rglob("*") if path.is_file() and "landing" not in path.parts]
    assert not any(b"198.51.100.77" in path.read_bytes() for path in paths)


def test_house_does_not_open_with_a_broken_file(town, tmp_path: Path):
    settings = load_settings({"TOKUMEI_HOME": str(town.home), "TOKUMEI_DATACENTRE_NETWORKS": str(tmp_path / "none")})

    with pytest.raises(ConfigurationError, match="TOKUMEI_DATACENTRE_NETWORKS cannot be read"):
        open_house(settings)
