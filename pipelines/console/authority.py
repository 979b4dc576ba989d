"""Who asks, in which of the console's three roles, and what has to be known of a login to answer in its name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal, Protocol

from anonymization.keyring import Secret

Role = Literal["viewer", "officer", "admin"]
ROLES: tuple[Role, ...] = ("viewer", "officer", "admin")  # each may do what those before it may


@dataclass(frozen=True, slots=True)
class Login:
    """Where Airflow answers, and the token by which it knows who asks."""

    url: str
    token: Secret


@dataclass(frozen=True, slots=True)
class Person:
    """Who is logged in, by Airflow's name for them, and the highest role that is theirs."""

    name: str
    role: Role
    login: Login | None = field(default=None, repr=False, compare=False)

    def may(self, role: Role) -> bool:
        """Tell whether this person may do what that role may."""
        return ROLES.index(self.role) >= ROLES.index(role)


FindPerson = Callable[..., Person]


class Authority(Protocol):
    """Says who asks, and whether they may."""

    def require(self, role: Role) -> FindPerson:
        """A FastAPI dependency: the person of at least that role who asks; 401 without a login, 403 otherwise."""
        ...
