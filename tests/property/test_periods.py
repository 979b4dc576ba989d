"""Which rows a touched day reaches and which days a row reads, against the rule read naively, day by day."""

from datetime import date, timedelta

from hypothesis import example, given
from hypothesis import strategies as st

from pipelines.warehouse.periods import WEEKS_AT_ONCE, Reach, split_days, week_start

MONDAY = date(2026, 11, 2)
HORIZON = 70

days = st.integers(0, 30).map(lambda offset: MONDAY + timedelta(days=offset))
some_days = st.frozensets(days, max_size=4)
reaches = st.builds(Reach, st.booleans(), st.integers(0, 30), st.integers(0, 30))
calendar = [MONDAY + timedelta(days=offset) for offset in range(-HORIZON, HORIZON + 30)]


def days_of(period: date, reach: Reach) -> list[date]:
    return [period + timedelta(days=offset) for offset in range(7 if reach.is_weekly else 1)]


def depends(period: date, day: date, reach: Reach) -> bool:
    """A row of period P depends on the days from first(P) - before to last(P) + after."""
    first, last = days_of(period, reach)[0], days_of(period, reach)[-1]
    return first - timedelta(days=reach.before) <= day <= last + timedelta(days=reach.after)


def periods(reach: Reach) -> list[date]:
    return [day for day in calendar if not reach.is_weekly or day.isoweekday() == 1]


@given(some_days, reaches)
def test_touched_days_reach_exactly_the_rows_that_depend_on_them(touched: frozenset[date], reach: Reach):
    naive = {period for period in periods(reach) if any(depends(period, day, reach) for day in touched)}
    assert reach.find_reached(touched) == naive


@given(some_days, reaches)
def test_rows_read_exactly_the_days_that_they_depend_on(named: frozenset[date], reach: Reach):
    rows = reach.find_periods(named)
    assert reach.find_read(rows) == {day for day in calendar if any(depends(row, day, reach) for row in rows)}


@given(days, days, reaches)
def test_a_day_reaches_a_row_just_when_the_row_reads_the_day(touched: date, day: date, reach: Reach):
    (row,) = reach.find_periods([day])
    assert (row in reach.find_reached([touched])) is (touched in reach.find_read([row]))


@given(some_days, reaches)
def test_periods_hold_the_days_that_name_them_and_no_half_week(named: frozenset[date], reach: Reach):
    rows = reach.find_periods(named)
    assert named <= reach.list_days(rows) == {day for row in rows for day in days_of(row, reach)}
    assert reach.find_periods(reach.list_days(rows)) == rows


@given(reaches)
def test_the_calendars_ends_are_no_failure(reach: Reach):
    ends = [date.min, date.max - timedelta(days=date.max.weekday())]
    assert reach.find_read(ends)
    assert reach.find_reached(ends)


@given(st.frozensets(st.dates(date(2024, 1, 1), date(2027, 1, 1)), max_size=30))
@example(frozenset({date(2026, 12, 31), date(2027, 1, 1)}))
def test_days_are_split_into_whole_weeks_of_which_few_are_held_at_once(named: frozenset[date]):
    spans = list(split_days(named))
    assert [day for span in spans for day in sorted(span)] == sorted(named)
    assert all((max(span) - week_start(min(span))).days < 7 * WEEKS_AT_ONCE for span in spans)
    weeks = [{week_start(day) for day in span} for span in spans]
    assert sum(len(held) for held in weeks) == len(frozenset().union(*weeks))
