"""What must be stored, and what may be, after any history of a house: sets of places, and no lake to look them up in.

Between the bounds lies what nobody promises: what a crash left halfway, and devices that can be judged either way.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

PURPOSES = ("usage", "security", "membership")
EVENTS = {"devices": ("device_events",), "access": ("page_views",), "refused": ("page_views", "security_events")}
TABLES = ("device_events", "page_views", "security_events", "identity_links")


class Line(NamedTuple):
    """One line of a source file: its kind (see EVENTS), whose it is, and when it happened."""

    kind: str
    user: str | None
    device: str
    day: int
    minute: int


class Place(NamedTuple):
    """Where a row comes from and whose it is: a line of a file, or for a link its purpose."""

    table: str
    file_id: str
    part: int | str
    user: str | None
    device: str


class Device(NamedTuple):
    """One device as one key knows it."""

    name: str
    key_id: str


Rows = dict[Place, str]  # the key under which each is stored


@dataclass(frozen=True)
class File:
    """A file in landing."""

    source: str
    name: str
    file_id: str
    lines: tuple[Line, ...]


@dataclass
class Stay:
    """Whose lines are to be left out: for certain, and perhaps, since a crash hides whether that was noted."""

    users: set[str] = field(default_factory=set)
    devices: set[str] = field(default_factory=set)
    perhaps_users: set[str] = field(default_factory=set)
    perhaps_devices: set[str] = field(default_factory=set)

    def forbids(self, line: Line) -> bool:
        return line.user in self.users or (line.user is None and line.device in self.devices)

    def may_forbid(self, line: Line) -> bool:
        return line.user in self.perhaps_users or line.device in self.devices | self.perhaps_devices


@dataclass
class Oracle:
    """The rows that were last seen and found right, and everything that may have changed since."""

    rows: Rows = field(default_factory=dict)
    perhaps: set[Place] = field(default_factory=set)  # of files that a crash left half taken in
    fading: set[str] = field(default_factory=set)  # people whose deletion was begun
    gone: set[str] = field(default_factory=set)  # people whose deletion is certified
    doubtful: set[str] = field(default_factory=set)  # devices of a lake that was restored
    stay_out: Stay = field(default_factory=Stay)

    def bounds(self, brought: Iterable[File] = ()) -> tuple[set[Place], set[Place]]:
        """Places of which there must be a row, and places of which there may be one."""
        fading = {place for place in self.rows if self.is_fading(place)}
        must, may = set(self.rows) - fading, fading | self.perhaps
        for file in brought:
            allowed = [(number, line) for number, line in number_lines(file) if not self.stay_out.forbids(line)]
            certain = [(number, line) for number, line in allowed if not self.stay_out.may_forbid(line)]
            must |= set(list_places(file, certain))
            may |= set(list_places(file, allowed))
        return must, {place for place in must | may if place.user not in self.gone}

    def is_fading(self, place: Place) -> bool:
        """Whether the row may be gone: a leaver's, or one that nobody signed in for on a device that they used."""
        if place.user is not None:
            return place.user in self.fading
        if place.device in self.doubtful:
            return True
        users = self.users_of()
        seen = {device for device, people in users.items() if device.name == place.device and people & self.fading}
        judged = users[Device(place.device, self.rows[place])]
        return bool(seen) and not judged - self.fading - self.stay_out.users - self.stay_out.perhaps_users

    def users_of(self) -> dict[Device, set[str]]:
        """Who is linked to each device under each key."""
        users = defaultdict[Device, set[str]](set)
        for place, key_id in self.rows.items():
            if place.table == "identity_links":
                users[Device(place.device, key_id)].add(str(place.user))
        return users

    def own_devices(self, person: str) -> set[Device]:
        """Devices that were this person's alone whichever way one looks: nobody else is linked to them at all."""
        users = self.users_of()
        others = {device.name for device, people in users.items() if people - {person}}
        others |= {place.device for place in self.perhaps if place.user not in {None, person}}
        return {device for device, people in users.items() if person in people and device.name not in others}

    def used_devices(self, person: str) -> set[str]:
        return {place.device for place in {*self.rows, *self.perhaps} if place.user == person}

    def adopt(self, found: Rows) -> None:
        """Take over what was found within the bounds; what fades counts as seen until the deletion is certified."""
        self.rows = {place: key_id for place, key_id in self.rows.items() if self.is_fading(place)} | found

    def half_take_in(self, files: Iterable[File]) -> None:
        """Any line of these files may be stored, in any table, that was not forbidden."""
        for file in files:
            allowed = [(number, line) for number, line in number_lines(file) if not self.stay_out.forbids(line)]
            self.perhaps |= set(list_places(file, allowed))


def number_lines(file: File) -> list[tuple[int, Line]]:
    return list(enumerate(file.lines, start=1))


def list_places(file: File, numbered: Collection[tuple[int, Line]]) -> Iterator[Place]:
    """The rows that some lines of a file give: one for each event, and one for each member, device and purpose."""
    for number, line in numbered:
        for table in EVENTS[line.kind]:
            yield Place(table, file.file_id, number, line.user, line.device)
    for user, device in {(line.user, line.device) for _, line in numbered if line.user}:
        for purpose in PURPOSES:
            yield Place("identity_links", file.file_id, purpose, user, device)
