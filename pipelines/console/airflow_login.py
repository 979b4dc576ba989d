"""Airflow's own login and permissions, as the console's roles: nobody has a second account."""

import time
from collections.abc import Callable
from contextlib import suppress
from typing import Annotated, Literal

from airflow.api_fastapi.app import get_auth_manager
from airflow.api_fastapi.auth.managers.base_auth_manager import COOKIE_NAME_JWT_TOKEN
from airflow.api_fastapi.auth.managers.models.base_user import BaseUser
from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity
from airflow.api_fastapi.core_api.security import bearer_scheme, get_user, requires_access_dag
from airflow.configuration import conf
from fastapi import Depends, HTTPException, Request, status

from anonymization.keyring import Secret
from pipelines.console.acts import note_refusal
from pipelines.console.authority import ROLES, FindPerson, Login, Person, Role
from pipelines.errors import TokumeiError
from pipelines.journeys.house import House

DAG_ID = "propagate_deletions"
NOBODY = "nobody"
QUIET_SECONDS = 60.0


class AirflowAuthority:
    """Airflow's permissions as roles: viewers see the runs of deletions, officers answer, admins edit connections."""

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
            person = Person(user.get_name(), found or "viewer", _read_login(request))
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
            note_refusal(self._open_house(), actor, request, f"needs {wanted}")


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


def _read_login(request: Request) -> Login:
    """What the request was let in by: an explicit token wins over the cookie, as it does with Airflow."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    given = token if scheme.lower() == "bearer" else request.cookies.get(COOKIE_NAME_JWT_TOKEN, "")
    return Login(conf.get("api", "base_url").rstrip("/"), Secret(given))
