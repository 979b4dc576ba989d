"""Airflow's REST API as one named user sees it."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Self
from urllib.parse import quote

import httpx

from pipelines.embedded.failures import RequestRefusedError, ServerUnreachableError

PAGE_SIZE = 100
READ_PAUSES = (1, 2, 4)
# A person reads first; an answer while the asking process still ends makes Airflow's scheduler fail the task.
SECONDS_TO_READ = 4.0

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class HumanTask:
    """A task that waits for a person; `subject` and `body` are what the person reads."""

    dag_id: str
    run_id: str
    task_id: str
    map_index: int
    subject: str
    body: str
    options: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class HumanAnswer:
    """Who answered a human task, what, and when."""

    user: str
    options: tuple[str, ...]
    answered_at: datetime


@dataclass(frozen=True, slots=True)
class ImportFailure:
    """A DAG file that Airflow could not import."""

    file: Path
    seen_at: datetime
    stack_trace: str


class AirflowClient:
    """One user's session, logged in at the first request; a context manager."""

    def __init__(self, url: str, user: str, password: str) -> None:
        self.user = user
        self._password = password
        # A proxy from the environment must not see loopback requests.
        self._http = httpx.Client(base_url=url, timeout=30, trust_env=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_raised: object) -> None:
        self._http.close()

    def trigger(self, dag_id: str, conf: Mapping[str, object] | None = None) -> str:
        """Start a run now and return its run id. Airflow stores `conf`, and logs it: pass ids and paths, never data."""
        body = {"logical_date": None, "conf": dict(conf or {})}
        run = self._send("POST", f"/dags/{_part(dag_id)}/dagRuns", body)
        return str(run["dag_run_id"])

    def unpause(self, dag_ids: Iterable[str]) -> None:
        """Let these DAGs be started by schedules and assets; a new DAG is paused."""
        for dag_id in dag_ids:
            self._send("PATCH", f"/dags/{_part(dag_id)}", {"is_paused": False})

    def last_parsed(self, dag_id: str) -> datetime | None:
        """Return when Airflow last read the DAG's file, None when it does not know the DAG."""
        response = self._read(f"/dags/{_part(dag_id)}", allowed=(200, 404))
        if response.status_code == 404:
            return None
        return _instant(response.json()["last_parsed_time"])

    def run_state(self, dag_id: str, run_id: str) -> str:
        """Return the run's state: queued, running, success or failed."""
        return str(self._read(_run_path(dag_id, run_id)).json()["state"])

    def runs(self, dag_id: str, **filters: str) -> list[Json]:
        """Return the DAG's runs, oldest first, as the API describes them."""
        return list(self._pages(f"/dags/{_part(dag_id)}/dagRuns", "dag_runs", order_by="run_after", **filters))

    def fail_unfinished_runs(self, dag_ids: Iterable[str], before: datetime) -> int:
        """Give up the runs that an interrupted start before that moment left, and return how many there were."""
        unfinished = [
            run
            for dag_id in dag_ids
            for run in self.runs(dag_id, run_after_lt=before.isoformat())
            if run["state"] not in {"success", "failed"}
        ]
        for run in unfinished:
            self._send("PATCH", _run_path(run["dag_id"], run["dag_run_id"]), {"state": "failed"})
        return len(unfinished)

    def task_instances(self, dag_id: str, run_id: str) -> list[Json]:
        """Return every task instance of a run, mapped ones included, as the API describes them."""
        return list(self._pages(f"{_run_path(dag_id, run_id)}/taskInstances", "task_instances"))

    def pending_human_tasks(self, dag_id: str, run_id: str) -> tuple[HumanTask, ...]:
        """Return the run's tasks that wait for a person."""
        path = f"{_run_path(dag_id, run_id)}/hitlDetails"
        return tuple(_human_task(each) for each in self._pages(path, "hitl_details", response_received="false"))

    def answer_human_task(
        self, dag_id: str, run_id: str, task_id: str, *, option: str = "Approve", note: str = ""
    ) -> HumanAnswer:
        """Answer as this user; the note is kept in Airflow's database, and the task passes it on as an XCom.

        Raises RequestRefusedError with status 403 for a user who may not answer, 409 when it is answered already.
        """
        time.sleep(SECONDS_TO_READ)
        path = f"{_run_path(dag_id, run_id)}/taskInstances/{_part(task_id)}/-1/hitlDetails"
        body = {"chosen_options": [option], "params_input": {"note": note} if note else {}}
        answer = self._send("PATCH", path, body)
        return HumanAnswer(
            answer["responded_by"]["id"], tuple(answer["chosen_options"]), _instant(answer["responded_at"])
        )

    def import_errors(self) -> tuple[ImportFailure, ...]:
        """Return the DAG files that could not be imported."""
        return tuple(
            ImportFailure(Path(each["filename"]), _instant(each["timestamp"]), each["stack_trace"])
            for each in self._pages("/importErrors", "import_errors")
        )

    def _pages(self, path: str, key: str, **filters: str) -> Iterator[Json]:
        offset = 0
        while True:
            page = self._read(path, {**filters, "limit": str(PAGE_SIZE), "offset": str(offset)}).json()
            yield from page[key]
            offset += PAGE_SIZE
            if offset >= page["total_entries"]:
                return

    def _read(
        self, path: str, parameters: Mapping[str, str] | None = None, allowed: tuple[int, ...] = (200,)
    ) -> httpx.Response:
        """Read, and try again when the server is busy: SQLite lets one writer in at a time."""
        for seconds in READ_PAUSES:
            with suppress(ServerUnreachableError):
                response = self._request("GET", path, parameters=parameters)
                if response.status_code < 500:
                    return _check(response, allowed)
            time.sleep(seconds)
        return _check(self._request("GET", path, parameters=parameters), allowed)

    def _send(self, method: str, path: str, body: Json) -> Json:
        answer: Json = _check(self._request(method, path, body=body), (200, 201)).json()
        return answer

    def _request(
        self, method: str, path: str, *, parameters: Mapping[str, str] | None = None, body: Json | None = None
    ) -> httpx.Response:
        try:
            if "Authorization" not in self._http.headers:
                self._log_in()
            return self._http.request(method, f"/api/v2{path}", params=parameters, json=body)
        except httpx.TransportError as error:
            raise ServerUnreachableError(
                f"Airflow at {self._http.base_url} did not answer", hint="see whether it still runs"
            ) from error

    def _log_in(self) -> None:
        body = {"username": self.user, "password": self._password}
        token = _check(self._http.post("/auth/token", json=body), (201,)).json()["access_token"]
        self._http.headers["Authorization"] = f"Bearer {token}"


def _check(response: httpx.Response, allowed: tuple[int, ...]) -> httpx.Response:
    """Return an allowed response, refuse another without repeating its body, which may echo what was sent."""
    if response.status_code in allowed:
        return response
    request = response.request
    raise RequestRefusedError(
        f"Airflow answered {response.status_code} to {request.method} {request.url.path}",
        hint="compare the DAG, run and user with the Airflow UI",
        status=response.status_code,
    )


def _human_task(detail: Json) -> HumanTask:
    instance = detail["task_instance"]
    return HumanTask(
        instance["dag_id"],
        instance["dag_run_id"],
        instance["task_id"],
        instance["map_index"],
        detail["subject"],
        detail["body"] or "",
        tuple(detail["options"]),
    )


def _run_path(dag_id: str, run_id: str) -> str:
    return f"/dags/{_part(dag_id)}/dagRuns/{_part(run_id)}"


def _part(name: str) -> str:
    return quote(name, safe="")


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text)
