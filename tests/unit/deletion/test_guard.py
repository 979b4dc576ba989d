"""A plan that takes a large share of anything is stopped, unless somebody accepted that share; small things are not."""

import pytest

from pipelines.deletion.guard import GUARDED_ROWS, find_accepted_share, guard_plan
from pipelines.errors import PlanTooLargeError

LIMIT = 0.2


def document(taken: int, stored: int, *, layer: str = "lake", strategy: str = "delete"):
    dataset = {"table": "page_views", "layer": layer, "strategy": strategy, "row_count": taken, "stored_rows": stored}
    return {"requests": [], "datasets": [dataset]}


def guard(plan, *, leaving: int = 1, members: int = 10_000, accepted: float | None = None):
    return guard_plan(plan, leaving_count=leaving, member_count=members, limit=LIMIT, accepted=accepted)


def test_share_at_the_limit_passes_and_is_noted():
    noted = guard(document(200, 1_000))["guard"]
    assert noted == {"limit": LIMIT, "accepted_share": None, "shares": {"members": 0.0001, "page_views": 0.2}}


def test_share_beyond_the_limit_is_stopped_with_the_share_to_accept():
    with pytest.raises(PlanTooLargeError) as raised:
        guard(document(2_011, 10_000))
    assert "20.1% of page_views, more than 20.0%" in str(raised.value)
    assert "--accept-share 0.21" in str(raised.value)
    assert guard(document(2_011, 10_000), accepted=0.21)["guard"]["accepted_share"] == 0.21


def test_share_of_all_members_is_guarded_too():
    with pytest.raises(PlanTooLargeError, match=r"30\.0% of members"):
        guard(document(0, 0), leaving=600, members=2_000)


def test_accepted_share_below_the_limit_lowers_nothing():
    assert guard(document(150, 1_000), accepted=0.1)["guard"]["accepted_share"] == 0.1


@pytest.mark.parametrize(
    "plan",
    [
        document(GUARDED_ROWS - 1, GUARDED_ROWS - 1),
        document(0, 0),
        document(9_000, 10_000, layer="marts", strategy="recompute"),
        document(9_000, 10_000, strategy="empty"),
        document(9_000, 10_000, strategy="held"),
    ],
)
def test_small_tables_and_what_loses_no_chosen_rows_are_not_guarded(plan):
    assert guard(plan, leaving=5, members=9)["guard"]["shares"] == {}


def test_more_leavers_than_known_members_are_all_of_them():
    assert guard(document(0, 0), leaving=1_500, members=1_000, accepted=1)["guard"]["shares"] == {"members": 1.0}


@pytest.mark.parametrize(("note", "accepted"), [({}, None), ({"guard": {"accepted_share": None}}, None)])
def test_nothing_is_accepted_unless_the_plan_says_so(note, accepted):
    assert find_accepted_share(note) is accepted
    assert find_accepted_share({"guard": {"accepted_share": 0.5}}) == 0.5
