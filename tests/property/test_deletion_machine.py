"""Any interleaving of ingestion, merges, key rotations, deletions and crashes is what a naive oracle says.

Everything is real: lake, ledger, keys, certificates. The fast test tries the same few short histories each time;
TOKUMEI_LONG_HISTORIES=50 has the slow one try as many new long ones.
"""

import os
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule, run_state_machine_as_test

from pipelines.control.requests import DeletionRequest, list_requests
from pipelines.control.subjects import AccountFacts
from pipelines.errors import ConfigurationError, DeletionError, DeletionIncompleteError, PlanChangedError
from pipelines.journeys import certify
from pipelines.journeys.certify import certify_deletions
from pipelines.journeys.decide import decide_requests
from pipelines.journeys.delete import (
    accept_landed,
    approve_plan,
    plan_deletions,
    request_deletion,
    run_plan,
)
from pipelines.journeys.ingest import INGESTED_SOURCES, find_files, ingest
from pipelines.journeys.keys import rotate_key
from pipelines.proof.certificate import verify_all
from pipelines.proof.scan import scan
from tests.property.crashing import Crash, crash_after
from tests.property.deletion_oracle import Device, File, Line, Oracle, Rows
from tests.property.deletion_town import DEVICES, MEMBERS, PEOPLE, Town, found_town

MOST_STEPS = 40  # from any state to the end
REQUESTS_FOLLOW_KEYS = find_spec("pipelines.deletion.extension")
COPIES_ARE_RESTORED = find_spec("pipelines.journeys.reapply")
MEMBERS_RETURN = find_spec("pipelines.journeys.readmit")
UNDECIDED = ("received", "waiting")

people, devices = st.sampled_from(PEOPLE), st.sampled_from(DEVICES)
crashes = st.one_of(st.none(), st.none(), st.integers(1, 40))


def lines_of(*kinds: str) -> st.SearchStrategy[list[Line]]:
    user = st.none() | st.sampled_from(MEMBERS)
    line = st.builds(Line, st.sampled_from(kinds), user, devices, st.sampled_from([1, 2, 30]), st.integers(0, 2))
    return st.lists(line, min_size=1, max_size=5)


class DeletionMachine(RuleBasedStateMachine):
    """One house and its oracle; each rule is something that people, clocks or disks do to it."""

    def __init__(self, template: Town) -> None:
        super().__init__()
        self.directory = tempfile.TemporaryDirectory()
        self.town = template.copy(Path(self.directory.name) / "home")
        self.oracle = Oracle()
        self.landed: list[File] = list(template.files)
        self.has_crashed = self.is_unproven = self.comes_later = False
        self.persons: dict[str, str] = {}  # by request key
        self.own: dict[str, set[Device]] = {}  # by request id
        self.copy: Rows = {}
        self.settle()

    @property
    def house(self):
        return self.town.house

    # what happens

    @rule(lines=lines_of("devices"))
    def application_delivers(self, lines: list[Line]) -> None:
        self.landed.append(self.town.land("devices", lines))

    @rule(lines=lines_of("access", "refused"))
    def web_server_delivers(self, lines: list[Line]) -> None:
        self.landed.append(self.town.land("access", lines))

    @rule(data=st.data())
    def same_bytes_come_again(self, data: st.DataObject) -> None:
        settled = [file for file in self.town.files if file not in self.landed]
        self.town.land_again(data.draw(st.sampled_from(settled)))

    @rule(crash=crashes)
    def ingestion(self, crash: int | None) -> None:
        if self.attempt(lambda: ingest(self.house, find_files(self.house)), crash):
            self.settle()
        else:
            self.half_take_in()

    @rule(crash=crashes, spares_plans=st.booleans())
    def merge(self, crash: int | None, *, spares_plans: bool) -> None:
        self.attempt(lambda: self.town.merge(spares_plans=spares_plans), crash)
        self.check()

    @precondition(lambda self: REQUESTS_FOLLOW_KEYS or not (self.requests(*UNDECIDED) or self.town.waiting("requests")))
    @rule(purpose=st.sampled_from(["usage", "security"]))
    def key_rotation(self, purpose: str) -> None:
        rotate_key(self.house.settings, purpose)
        self.town.reopen()

    @rule(person=people, by_file=st.booleans())
    def request(self, person: str, *, by_file: bool) -> None:
        key = f"request-{len(self.persons)}"
        if by_file and person in MEMBERS and person not in self.persons.values():
            self.town.land_request(person, key)
        else:
            request_deletion(self.house, person, request_key=key, facts=AccountFacts(0, 0, None))
        self.persons[key] = person

    @precondition(lambda self: MEMBERS_RETURN and self.oracle.gone - self.oracle.fading)
    @rule(data=st.data())
    def member_returns(self, data: st.DataObject) -> None:
        """Whatever is older than their new consent stays out all the same."""
        from pipelines.journeys.readmit import readmit_member

        person = data.draw(st.sampled_from(sorted(self.oracle.gone - self.oracle.fading)))
        with suppress(ConfigurationError):  # who is leaving once more cannot return before that is done
            readmit_member(self.house, person, self.house.now())

    @precondition(lambda self: not self.oracle.perhaps)
    @rule()
    def lake_is_copied(self) -> None:
        self.copy = self.check()
        self.town.copy_lake()

    @precondition(lambda self: COPIES_ARE_RESTORED and self.copy and not self.oracle.perhaps)
    @rule()
    def lake_is_restored(self) -> None:
        """What came since is lost; who left since is found, and leaves again."""
        from pipelines.journeys.reapply import reapply_deletions

        self.town.restore_lake()
        self.oracle.doubtful |= {place.device for place in self.copy}
        self.oracle.rows, self.has_crashed = dict(self.copy), True
        back = {place.user for place in self.copy} & self.oracle.gone
        self.oracle.fading |= back
        self.oracle.gone -= back
        reapply_deletions(self.house)
        self.recognise_repeated()
        assert back <= self.persons_of(each for each in self.requests() if each.state != "completed")
        self.check()

    @precondition(lambda self: self.persons)
    @rule(count=st.integers(2, 6), crash=crashes, newest_first=st.booleans())
    def deletion(self, count: int, crash: int | None, *, newest_first: bool) -> None:
        for number in range(1, count + 1):
            self.advance(crash if number == count else None, newest_first=newest_first)

    # what is done for it

    def attempt(self, step: Callable[[], object], crash: int | None) -> bool:
        """Whether a step came to its end; the next one is taken by a new process if it did not."""
        try:
            with crash_after(crash):
                step()
        except Crash:
            self.town.reopen()
            return False
        return True

    def advance(self, crash: int | None, *, newest_first: bool) -> None:
        """Take the next step of whichever requests are nearest to their end, or farthest from it."""
        steps: list[tuple[Sequence[str], Callable[[int | None], None]]] = [
            (("verifying",), self.repeat if self.is_unproven else self.certify),
            (() if self.comes_later else ("running", "approved"), self.run),
            (("planned",), self.approve),
            (("ready",), self.plan),
            (UNDECIDED, self.decide),
        ]
        self.comes_later = False
        for states, take in reversed(steps) if newest_first else steps:
            if (states and self.requests(*states)) or (take == self.decide and self.town.waiting("requests")):
                take(crash)
                return

    def requests(self, *states: str) -> tuple[DeletionRequest, ...]:
        return list_requests(self.house.ledger, states)

    def persons_of(self, requests: Iterable[DeletionRequest]) -> set[str]:
        return {self.persons[request.request_key] for request in requests}

    def recognise_repeated(self) -> None:
        keys = {request.request_id: request.request_key for request in self.requests()}
        for key in keys.values():
            if key not in self.persons:
                self.persons[key] = self.persons[keys[key.removeprefix("restore-")]]

    def decide(self, crash: int | None) -> None:
        done = self.attempt(lambda: (accept_landed(self.house), decide_requests(self.house)), crash)
        decided = self.persons_of(self.requests()) - self.persons_of(self.requests(*UNDECIDED))
        self.oracle.stay_out.users |= decided
        if not done:
            self.oracle.stay_out.perhaps_users |= self.persons_of(self.requests(*UNDECIDED))

    def plan(self, crash: int | None) -> None:
        requests = self.requests("ready", "planned")
        fresh = [each for each in requests if self.persons[each.request_key] not in self.oracle.fading]
        own = {each.request_id: self.oracle.own_devices(self.persons[each.request_key]) for each in fresh}
        done = self.attempt(lambda: plan_deletions(self.house), crash)
        used = {device for person in self.persons_of(requests) for device in self.oracle.used_devices(person)}
        self.oracle.stay_out.perhaps_devices |= used
        if done:
            self.own |= own
            self.oracle.stay_out.devices |= {device.name for devices in own.values() for device in devices}

    def approve(self, crash: int | None) -> None:
        for digest in {str(request.plan_digest) for request in self.requests("planned")}:
            self.attempt(lambda digest=digest: approve_plan(self.house, digest, approved_by="officer"), crash)

    def run(self, crash: int | None) -> None:
        requests = self.of_one_plan("running", "approved")
        begun = self.persons_of(requests) - self.oracle.fading
        self.oracle.fading |= begun
        try:
            done = self.attempt(lambda: run_plan(self.house, str(requests[0].plan_digest)), crash)
        except PlanChangedError:
            self.oracle.fading -= begun
            done = False
        except DeletionError:  # a copy was restored, and who left is back: their deletions come first
            assert self.copy
            self.comes_later, done = True, False
        found = self.check()
        if done:
            self.is_unproven = False
            persons = self.persons_of(requests)
            own = {device for each in requests for device in self.own.get(each.request_id, ())}
            assert not [place for place in found if place.user in persons]
            assert not [place for place, key in found.items() if not place.user and Device(place.device, key) in own]

    def repeat(self, crash: int | None) -> None:
        """What was not proved is run again, later."""
        self.town.let_time_pass()
        digest = str(self.of_one_plan("verifying")[0].plan_digest)
        self.is_unproven = not self.attempt(lambda: run_plan(self.house, digest), crash)
        self.check()

    def of_one_plan(self, *states: str) -> list[DeletionRequest]:
        """Repeated deletions first: until they are carried out, no marts are built."""
        requests = sorted(self.requests(*states), key=lambda request: request.channel != "restore")
        return [request for request in requests if request.plan_digest == requests[0].plan_digest]

    def certify(self, crash: int | None) -> None:
        requests = self.of_one_plan("verifying")
        try:
            self.attempt(lambda: certify_deletions(self.house, str(requests[0].plan_digest)), crash)
        except DeletionIncompleteError:
            assert self.town.waiting() or self.has_crashed, "nothing was left that could keep a deletion from its end"
            self.is_unproven = True
        found = self.check()
        completed = {request.request_id for request in self.requests("completed")}
        for request in requests:
            if request.request_id in completed:
                self.find_nothing_of(self.persons[request.request_key])
        self.oracle.adopt(found)
        self.check()

    def find_nothing_of(self, person: str) -> None:
        """No false completion: whatever says who they were is gone from every byte, landing included."""
        home, keys, ledger = self.town.home, self.town.home / "keys", self.town.home / "control.db"
        events = self.town.pseudonyms(person, "usage", "security", "satisfaction")
        assert scan([home], [person, *events], excluded=[keys]).clean
        assert scan([home], self.town.pseudonyms(person, "membership"), excluded=[keys, ledger]).clean
        self.oracle.gone.add(person)
        if person not in self.persons_of(self.requests("approved", "running", "verifying")):
            self.oracle.fading.discard(person)

    def half_take_in(self) -> None:
        self.oracle.half_take_in(self.landed)
        self.has_crashed = True
        self.check()

    def settle(self) -> None:
        """Everything that waited is taken in."""
        assert not self.town.waiting(*INGESTED_SOURCES)
        found = self.check(self.landed)
        self.oracle.perhaps.clear()
        self.oracle.adopt(found)
        self.landed.clear()

    def check(self, brought: Iterable[File] = ()) -> Rows:
        """No collateral loss, no resurrection, no row twice: what is stored is within the oracle's bounds."""
        stored = self.town.read_places()
        must, may = self.oracle.bounds(brought)
        found = dict(stored.keys())
        assert len(found) == stored.total(), "a row twice"
        assert not must - found.keys(), "collateral loss"
        assert not found.keys() - may, "came out of nothing, or back"
        return found

    def teardown(self) -> None:
        try:
            if sys.exc_info()[0] is None:
                self.end_everything()
        finally:
            self.town.close()
            self.directory.cleanup()

    def end_everything(self) -> None:
        """Whatever was left halfway comes to its end, and then everybody who asked is gone and nobody else."""
        self.town.let_time_pass()
        self.ingestion(None)
        for _ in range(MOST_STEPS):
            self.advance(None, newest_first=False)
        assert {request.state for request in self.requests()} <= {"completed"}
        assert self.oracle.gone == set(self.persons.values())
        for person in self.oracle.gone:
            self.find_nothing_of(person)
        found = self.check()
        self.oracle.doubtful.clear()
        self.oracle.adopt(found)
        must, may = self.oracle.bounds()
        assert must == may
        if self.persons:
            assert len(verify_all(self.house.settings.certificates)) == len(self.persons)


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(certify, "RESCAN_SECONDS", 0.0)
        yield found_town(tmp_path_factory.mktemp("machine") / "home")


def run_histories(template: Town, **options: object) -> None:
    """Histories are reported as they failed, since making one shorter takes minutes."""
    shared = {"suppress_health_check": list(HealthCheck), "print_blob": True, "report_multiple_bugs": False}
    shared |= {"deadline": None, "phases": [Phase.reuse, Phase.generate]}
    run_state_machine_as_test(lambda: DeletionMachine(template), settings=settings(**shared, **options))


@pytest.mark.slow
def test_short_histories_leave_what_the_oracle_says(template: Town):
    run_histories(template, max_examples=6, stateful_step_count=14, derandomize=True, database=None)


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_long_histories_leave_what_the_oracle_says(template: Town):
    examples = int(os.environ.get("TOKUMEI_LONG_HISTORIES", "5"))
    run_histories(template, max_examples=examples, stateful_step_count=40)
