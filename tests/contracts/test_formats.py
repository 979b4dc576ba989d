"""Which declarations of formats the lint refuses, in which words, and that all others read files."""

from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.contracts.format_lint import NETWORKS, check_formats, check_proxies
from pipelines.contracts.formats import build_format, find_format
from pipelines.contracts.layout import Variable, parse_layout
from pipelines.contracts.model import load_catalogue, read_document
from pipelines.ingestion.layout_plan import plan_layout
from pipelines.ingestion.text_line import split_exactly, split_quickly

CONTRACTS = Path(__file__).parents[2] / "data_contracts"
ACCESS = load_catalogue(CONTRACTS).get("sources", "access")
COLUMNS = read_document(CONTRACTS / "sources/access.odcs.yaml")["schema"][0]["properties"]
KEYS = {column["name"]: column.get("physicalName", column["name"]) for column in COLUMNS}
LAYOUT = '$remote_addr [$time_local] "$request" $status'
TEXT = {"files": "*", "kind": "text", "layout": LAYOUT}
JSON = {"files": "*", "kind": "json"}
CSV = {"files": "*", "kind": "delimited", "delimiter": "comma", "header": "first line"}

REFUSALS = [
    ("no list", "must be a list of declarations, each with files and kind"),
    ([], "must be a list of declarations, each with files and kind"),
    ([{"files": "*"}], "needs a kind, one of delimited, json, text"),
    ([{"files": "*", "kind": ["text"]}], "needs a kind, one of delimited, json, text"),
    ([{"kind": "json"}], "json lacks files"),
    ([{"files": "*", "kind": "text"}], "text lacks layout"),
    ([{"files": "*", "kind": "delimited", "header": "first line"}], "delimited lacks delimiter"),
    ([JSON | {"layout": LAYOUT}], "json takes no layout"),
    ([CSV | {"delimiter": ","}], "delimiter must be one of comma, pipe, semicolon, tab"),
    ([CSV | {"header": "Fields:"}], "header must be first line, the beginning of a line"),
    ([JSON | {"timezone": "Mars/Olympus"}], "timezone must be the name of a time zone"),
    ([JSON | {"timezone": ["UTC"]}], "timezone must be the name of a time zone"),
    ([JSON | {"keys": {"visitor": "x"}}], "keys: visitor is no column of this source"),
    (
        [JSON | {"keys": {"client_ip": ["a", "b"]}}],
        "keys: client_ip must be a text, or for a time or a URL a list of two",
    ),
    ([TEXT | {"keys": {"url": ["a", "b"]}}], "keys: url must be a text, or for a time or a URL a list of two"),
    ([JSON | {"keys": {"client_ip": "x", "user_id": "x"}}], "reads x into two columns"),
    ([JSON | {"values": {"visitor": "seconds"}}], "values: visitor is no column of this source"),
    ([JSON | {"values": {"event_at": "fortnights"}}], "values: event_at must be one of clf, iso8601, microseconds"),
    (
        [JSON | {"values": {"status_code": "seconds"}}],
        "values: status_code is of a type that is written in one way only",
    ),
    ([TEXT | {"layout": "remote_addr"}], "layout holds no variable of nginx or Apache"),
    ([TEXT | {"layout": LAYOUT + '"'}], "layout opens a quote that it does not close"),
    ([TEXT | {"layout": LAYOUT + " $host$port"}], "layout has nothing between $host and $port to tell them apart"),
    (
        [TEXT | {"layout": LAYOUT + " $http_user_agent"}],
        "layout has $http_user_agent outside of quotes, where its first",
    ),
    ([TEXT | {"layout": '$remote_adr [$time_local] "$request" $status'}], "fills no client_ip, which is required"),
    ([TEXT | {"keys": {"user_id": "$member"}}], "keys: user_id is read from $member, which the layout does not hold"),
    ([JSON, TEXT | {"layout": '$remote_addr "$request" $status'}], "fills no event_at, which is required"),
]


@pytest.mark.parametrize(("formats", "rule"), REFUSALS, ids=[rule for _, rule in REFUSALS])
def test_lint_says_which_declaration_is_wrong_and_why(formats, rule):
    (found,) = check_formats(formats, COLUMNS)
    assert found[0] == (f"formats/{len(formats)}" if isinstance(formats, list) and formats else "formats")
    assert found[1].startswith(rule)


def test_request_needs_the_columns_that_it_fills():
    columns = [{"name": "event_at", "physicalType": "timestamp"}]
    (found,) = check_formats([JSON | {"keys": {"request": "r"}}], columns)
    assert found == ("formats/1", "reads a request, but the source has no columns method and url")


@pytest.mark.parametrize("value", [[], ["10.0.0.1/8"], ["proxy"], [8], "10.0.0.0/8"])
def test_trusted_proxies_are_networks(value):
    assert not NETWORKS.fits(value)


def test_trusted_proxies_need_the_columns_that_tell_whom_they_served():
    assert list(check_proxies({"trustedProxies": ["10.0.0.0/8"]}, ["client_ip"])) == [
        ("trustedProxies", "needs a column forwarded_for")
    ]
    assert NETWORKS.fits(["10.0.0.0/8", "2001:db8::/32", "203.0.113.7"])


@pytest.mark.parametrize(
    ("name", "files"),
    [
        ("a.log", "*.log"),
        ("host1/2026/a.log.zst", "*.log"),
        ("alb/a.log.gz", "alb/*"),
        ("cloudfront/E1.2026-11-22-01.ab.gz", "cloudfront/*"),
        ("ecs/a.jsonl", "ecs/*"),
        ("a.jsonl.gz", "*.jsonl"),
    ],
)
def test_first_declaration_that_fits_the_name_below_landing_reads_the_file(name, files):
    assert find_format(ACCESS, name).files == files


@pytest.mark.parametrize("name", ["a.csv", "a.log.bz2", "alb.txt", "a.LOG"])
def test_name_that_no_declaration_fits_has_no_format(name):
    assert find_format(ACCESS, name) is None


def test_layouts_of_nginx_and_apache_say_the_same():
    nginx = parse_layout('$remote_addr [$time_local] "${request}" $status')
    apache = parse_layout(r"%!200,304a %t \"%r\" %>s")
    assert [token for token in nginx if isinstance(token, str)] == [token for token in apache if isinstance(token, str)]
    assert apache[0] == Variable("%a")


anything = st.none() | st.booleans() | st.integers() | st.text(max_size=3) | st.lists(st.text(max_size=3), max_size=2)
texts = st.text(st.sampled_from('$%{}"\\[]()|^&~-#ab<> t'), max_size=12)
declarations = st.fixed_dictionaries(
    {"files": st.just("*"), "kind": st.sampled_from(["text", "json", "delimited"])},
    optional={
        "layout": st.one_of(
            texts.map(lambda text: f'{LAYOUT} "{text}"'), texts.map(lambda text: LAYOUT + text), anything
        ),
        "keys": st.dictionaries(st.sampled_from([*KEYS, "request", "x"]), texts | anything, max_size=3) | anything,
        "values": st.dictionaries(st.sampled_from([*KEYS, "x"]), st.just("seconds") | anything, max_size=3) | anything,
        "timezone": st.just("UTC") | anything,
        "delimiter": st.just("tab") | anything,
        "header": st.just("#Fields:") | anything,
        "openEnded": anything,
        "allText": anything,
    },
)


@given(declarations)
@settings(max_examples=200, deadline=None)
def test_whatever_is_declared_is_refused_or_can_read_lines(declared):
    if list(check_formats([declared], COLUMNS)):
        return
    built = build_format(declared, KEYS)
    if built.kind == "text":
        plan, lines = plan_layout(built), pl.Series(["", "a line"])
        assert split_quickly(lines, plan)[0].columns == split_exactly(lines, plan)[0].columns
