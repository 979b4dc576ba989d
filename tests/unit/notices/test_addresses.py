"""Whatever text is given for an address: what is accepted stays one address in every place that it is put."""

import email
from email.policy import default
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.errors import DeliveryFailedError
from pipelines.notices.addresses import is_endpoint, is_mailbox, is_phone
from pipelines.notices.mail import MailServer, write_letter
from pipelines.notices.posting import post
from pipelines.notices.sender import Outgoing
from tests.unit.notices.conftest import MESSAGE_ID, tell_all_of

TRICKY = st.text(st.sampled_from("ab1.@+-_<>\"'(),:;\\ \r\n\t\x00\u2028é＠"), max_size=30)
UNRESOLVABLE = "a" * 70 + ".invalid"


@given(TRICKY | st.emails() | st.from_regex(r"[a-z.+]{1,9}@[a-z.-]{1,12}"))
def test_mailbox_that_is_accepted_is_the_only_one_in_the_letter(address: str):
    if not is_mailbox(address):
        return
    letter = write_letter(Outgoing(MESSAGE_ID, "email", address, "Done", "Done.\n"), "privacy@auction.example")
    read = email.message_from_bytes(letter.as_bytes(), policy=default)

    assert [each.addr_spec for each in read["To"].addresses] == [address]
    assert read["To"].defects == ()
    assert read.keys() == letter.keys()


@given(TRICKY | st.from_regex(r"\+?[0-9 -]{5,17}"))
def test_number_that_is_accepted_is_digits_after_a_plus(number: str):
    assert not is_phone(number) or (number[0] == "+" and number[1:].isascii() and number[1:].isdigit())


@pytest.mark.parametrize("number", ["+819012345678", "+81312345678", "+12025550123", "+442079460958"])
def test_numbers_of_several_countries_are_accepted(number: str):
    assert is_phone(number)


@pytest.mark.parametrize(
    "number", ["+81901234567", "+999123456789", "+0312345678", "+81-90-1234-5678", "tel:+819012345678"]
)
def test_number_that_nobody_can_have_is_not_accepted(number: str):
    assert not is_phone(number)


@given(TRICKY)
def test_endpoint_that_is_accepted_is_a_url_without_blanks_and_passwords(rest: str):
    endpoint = f"https://{rest}"
    if is_endpoint(endpoint):
        parts = urlsplit(endpoint)
        assert parts.hostname
        assert parts.username is None
        assert endpoint.split() == [endpoint]


@pytest.mark.parametrize(
    "endpoint", ["https://a.example", "https://a.example:8443/x?y=z", "http://localhost:1/x", "http://[::1]/x"]
)
def test_endpoints_that_are_encrypted_or_on_this_machine_are_accepted(endpoint: str):
    assert is_endpoint(endpoint)


def test_name_that_nothing_can_resolve_is_tried_again_and_not_told():
    with pytest.raises(DeliveryFailedError) as posted:
        post(f"https://{UNRESOLVABLE}/x", b"", {})
    with pytest.raises(DeliveryFailedError) as mailed:
        MailServer(UNRESOLVABLE, 25, "p@a.jp").send(Outgoing(MESSAGE_ID, "email", "a@b.jp", "Done", "Done."))

    assert UNRESOLVABLE not in tell_all_of(posted.value) + tell_all_of(mailed.value)
