"""Who may use the console, as Airflow says: its login, and its own permissions as the console's three roles."""

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Annotated, Literal, Protocol

from airflow.api_fastapi.app import get_auth_manager
from airflow.api_fastapi.auth.managers.base_auth_manager import COOKIE_NAME_JWT_TOKEN
from airflow.api_fastapi.auth.managers.models.base_user import BaseUser
from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity
from airflow.api_fastapi.core_api.security import bearer_scheme, get_user, requires_access_dag
from fastapi import Depends, HTTPException, Request, status

from anonymization.keyring import Secret
from pipelines.console.acts import note_act
from pipelines.errors import TokumeiError
from pipelines.journeys.house import House

Role = Literal["viewer", "officer", "admin"]
ROLES: tuple[Role, ...] = ("viewer", "officer", "admin")  # each may do what those before it may
DAG_ID = "propagate_deletions"
NOBODY = "nobody"
QUIET_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Person:
    """Who is logged in, the highest role that is theirs, and what Airflow knows them by, which nothing shows."""

    name: str
    role: Role
    credential: Secret = field(default_factory=lambda: Secret(""), repr=False, compare=False)

    def may(self, role: Role) -> bool:
        """Tell whether this person may do what that role may."""
        return ROLES.index(self.role) >= ROLES.index(role)


FindPerson = Callable[..., Person]


class Authority(Protocol):
    """Says who asks, and whether they may."""

    def require(self, role: Role) -> FindPerson:
        """A FastAPI dependency: the person of at least that role who asks; 401 without a login, 403 otherwise."""
        ...


class AirflowAuthority:
    """Airflow's login, and its permissions: viewers read the runs of deletions, officers answer their human tasks,
    admins may change connections besides.
    """

    def __init__(self, open_house: Callable[[], House]) -> None:
        self._open_house = open_house
        self._noted_at = float("-inf")

    def require(self, role: Role) -> FindPerson:
        """As Authority says; what is refused is noted in the ledger, strangers no more than once a minute."""

        def find_person(request: Request, user: Annotated[BaseUser | None, Depends(_find_user)]) -> Person:
            if user is None:
                self._note_stranger(request)
                raise HTTPException(status.HTTP_401_UNAUTHORIZED, "log in to Airflow first")
            found = _find_role(request, user)
            person = Person(user.get_name(), found or "viewer", _read_credential(request))
            if found is None or not person.may(role):
                self._note(person.name, request, role)
                raise HTTPException(status.HTTP_403_FORBIDDEN, f"only who has the role {role} may do this")
            return person

        return find_person

    def _note_stranger(self, request: Request) -> None:
        """Whoever has no login could otherwise fill the ledger."""
        if time.monotonic() - self._noted_at > QUIET_SECONDS:
            self._noted_at = time.monotonic()
            self._note(NOBODY, request, "login")

    def _note(self, actor: str, request: Request, wanted: str) -> None:
        """A ledger that is down changes nothing in the refusal."""
        with suppress(TokumeiError):
            note_act(self._open_house().ledger, actor, request.method.lower(), None, "refused", f"needs {wanted}")


async def _find_user(request: Request) -> BaseUser | None:
    """Airflow's user; None where the login is missing, expired or forged."""
    try:
        return await get_user(request, None, await bearer_scheme(request))
    except HTTPException:
        return None


def _find_role(request: Request, user: BaseUser) -> Role | None:
    """The highest role whose permission, and those of the roles below it, Airflow gives this user."""
    tests: dict[Role, Callable[[], bool]] = {
        "viewer": lambda: _is_allowed(request, user, "GET", DagAccessEntity.RUN),
        "officer": lambda: _is_allowed(request, user, "PUT", DagAccessEntity.HITL_DETAIL),
        "admin": lambda: get_auth_manager().is_authorized_connection(method="PUT", user=user),
    }
    found: Role | None = None
    for role in ROLES:
        if not tests[role]():
            break
        found = role
    return found


def _is_allowed(request: Request, user: BaseUser, method: Literal["GET", "PUT"], entity: DagAccessEntity) -> bool:
    try:
        requires_access_dag(method, entity, DAG_ID)(request, user)
    except HTTPException:
        return False
    return True


def _read_credential(request: Request) -> Secret:
    """What the request was let in by: an explicit token wins over the cookie, as it does with Airflow."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    return Secret(token if scheme.lower() == "bearer" else request.cookies.get(COOKIE_NAME_JWT_TOKEN, ""))
