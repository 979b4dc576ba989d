"""The intake service as an ASGI application: three places, and a document that describes them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar
from urllib.parse import parse_qs

import anyio
import anyio.to_thread
from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse
from pydantic import ValidationError
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp

from pipelines.errors import IntakeRefusedError, KeyReusedError, NonceReusedError
from pipelines.intake import problems
from pipelines.intake.desk import Desk, DeskClosedError
from pipelines.intake.filing import Filing
from pipelines.intake.guard import STATUS_PATH, Guard
from pipelines.intake.pages import choose_language, prefers_json, show_problem, show_record, show_standing
from pipelines.intake.places import FACEBOOK_PLACE, FILING_PLACE, STATUS_PLACE, add_schemas, describe_application
from pipelines.intake.problems import Problem
from pipelines.intake.rates import Buckets, Limits
from pipelines.intake.signing import Sent, SignatureRefusedError, Signed, read_facebook_request, require_signed
from pipelines.intake.standing import Standing, describe_standing
from pipelines.journeys.intake import Answer, Envelope, file_asked, file_facebook_deletion, find_due_date, find_status
from pipelines.languages import Language
from pipelines.settings import Settings

FACEBOOK = "facebook"
FORM_TYPE, JSON_TYPE = "application/x-www-form-urlencoded", "application/json"
THREADS = 4  # that work at the desk at once; everybody else waits for one of them
WAIT_SECONDS = 5
Found = TypeVar("Found")


def create_application(
    settings: Settings, *, limits: Limits | None = None, wait_seconds: int = WAIT_SECONDS
) -> ASGIApp:
    """The service behind its guard. wait_seconds: how long a busy ledger is waited for before the answer is 503."""
    limits = limits or Limits()
    counter = Counter(Desk(settings, wait_seconds=wait_seconds), Buckets(limits.client))
    application = FastAPI(docs_url=None, redoc_url=None, redirect_slashes=False, **describe_application())
    application.post("/requests", **FILING_PLACE)(counter.take_request)
    application.post("/facebook/data-deletion", **FACEBOOK_PLACE)(counter.take_facebook_deletion)
    application.get("/status/{code:path}", **STATUS_PLACE)(counter.show_status)
    application.add_exception_handler(ProblemError, _answer_problem)
    application.add_exception_handler(HTTPException, _answer_astray)
    add_schemas(application)
    return Guard(application, limits)


class ProblemError(Exception):
    """Ends the handling of a request with a problem."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.name)
        self.problem = problem


class Counter:
    """Where requests are taken: their form is checked here, and what they ask for is filed at the desk."""

    def __init__(self, desk: Desk, clients: Buckets) -> None:
        self._desk, self._clients = desk, clients
        self._threads: anyio.CapacityLimiter | None = None

    async def take_request(self, request: Request) -> Response:
        """A request of a client, believed by its signature before its body is read."""
        body = await request.body()
        sent = Sent(request.method, request.scope["path"], request.headers, body)
        answer = await self._run(lambda: self._file(sent, request.headers.get("content-type", "")))
        record = {
            "request_id": answer.request_id,
            "confirmation_code": answer.confirmation_code,
            "status_url": self._make_url(answer),
        }
        return JSONResponse(record, 202)

    async def take_facebook_deletion(self, request: Request) -> Response:
        """Facebook's data deletion callback."""
        form, media_type = await request.body(), request.headers.get("content-type", "")
        answer = await self._run(lambda: self._file_for_facebook(form, media_type))
        return JSONResponse({"url": self._make_url(answer), "confirmation_code": answer.confirmation_code})

    async def show_status(self, request: Request) -> Response:
        """Where a request stands, for whoever has its confirmation code; every other code gets the very same answer."""
        code, language, is_for_programs = (
            request.path_params["code"],
            _find_language(request),
            _is_for_programs(request),
        )
        try:
            standing = await self._run(lambda: self._find_standing(code, language))
        except ProblemError as error:
            if is_for_programs:
                raise
            return show_problem(error.problem, "unavailable", language)
        if standing is None:
            return _answer_unknown(request)
        return show_record(standing.record(), language) if is_for_programs else show_standing(standing, language)

    async def _run(self, work: Callable[[], Found]) -> Found:
        """Do work that waits for the disk on one of few threads; a limiter belongs to the loop that it is made in."""
        self._threads = self._threads or anyio.CapacityLimiter(THREADS)
        try:
            return await anyio.to_thread.run_sync(work, limiter=self._threads)
        except DeskClosedError:
            raise ProblemError(problems.UNAVAILABLE) from None

    def _file(self, sent: Sent, media_type: str) -> Answer:
        with self._desk.open() as (house, secrets):
            signed = _believe(lambda: require_signed(sent, secrets.clients, house.now()))
            self._require_rate(f"client {signed.client_id}")
            _require_media_type(media_type, JSON_TYPE)
            filing = _read_filing(sent.body)
            if not filing.is_timely(house.now()):
                raise ProblemError(problems.INVALID)
            envelope = _enclose(signed, filing)
            return _file_or_refuse(lambda: file_asked(house, secrets, filing.describe(house.now().date()), envelope))

    def _file_for_facebook(self, form: bytes, media_type: str) -> Answer:
        _require_media_type(media_type, FORM_TYPE)
        signed_request = _read_form(form)
        with self._desk.open() as (house, secrets):
            if not secrets.facebook.reveal():
                raise ProblemError(problems.UNAVAILABLE)
            user = _believe(lambda: read_facebook_request(signed_request, secrets.facebook, house.now()))
            self._require_rate(FACEBOOK)
            envelope = Envelope(FACEBOOK, signed_request.partition(".")[2], signed_request.partition(".")[2])
            return file_facebook_deletion(house, secrets, user, envelope)

    def _find_standing(self, code: str, language: Language) -> Standing | None:
        with self._desk.open() as (house, _):
            right = find_status(house, code)
            if right is None:
                return None
            return describe_standing(right, find_due_date(house, right), house.settings.zone, language)

    def _require_rate(self, asker: str) -> None:
        if not self._clients.take(asker):
            raise ProblemError(problems.TOO_MANY)

    def _make_url(self, answer: Answer) -> str:
        return f"{self._desk.settings.intake_url.rstrip('/')}/status/{answer.confirmation_code}"


def _believe(check: Callable[[], Found]) -> Found:
    try:
        return check()
    except SignatureRefusedError as error:
        raise ProblemError(problems.REFUSED_SIGNATURES[error.cause]) from None


def _read_filing(body: bytes) -> Filing:
    try:
        return Filing.model_validate_json(body)
    except (ValidationError, ValueError, RecursionError):
        raise ProblemError(problems.INVALID) from None


def _read_form(form: bytes) -> str:
    """The one field of Facebook's form."""
    try:
        fields = parse_qs(form.decode("ascii"), max_num_fields=4, strict_parsing=True)
        (signed_request,) = fields["signed_request"]
    except (ValueError, KeyError):
        raise ProblemError(problems.MALFORMED) from None
    return signed_request


def _require_media_type(given: str, taken: str) -> None:
    if given.partition(";")[0].strip().lower() != taken:
        raise ProblemError(problems.MEDIA)


def _enclose(signed: Signed, filing: Filing) -> Envelope:
    """The same content reads the same, however its JSON was written."""
    return Envelope(signed.client_id, signed.idempotency_key, filing.model_dump_json(), signed.nonce)


def _file_or_refuse(file: Callable[[], Answer]) -> Answer:
    try:
        return file()
    except KeyReusedError:
        raise ProblemError(problems.KEY_REUSED) from None
    except NonceReusedError:
        raise ProblemError(problems.NONCE) from None
    except IntakeRefusedError:
        raise ProblemError(problems.INVALID) from None


def _find_language(request: Request) -> Language:
    return choose_language(request.query_params.get("lang"), request.headers.get("accept-language", ""))


def _is_for_programs(request: Request) -> bool:
    return prefers_json(request.headers.get("accept", ""))


def _answer_unknown(request: Request) -> Response:
    """The one answer for codes that open nothing, whatever is wrong with them."""
    if _is_for_programs(request):
        return problems.NOT_FOUND.respond()
    return show_problem(problems.NOT_FOUND, "unknown", _find_language(request))


async def _answer_problem(_: Request, error: Exception) -> Response:
    assert isinstance(error, ProblemError)
    return error.problem.respond()


async def _answer_astray(request: Request, error: Exception) -> Response:
    """For paths and methods that nobody serves; a code with a line's end in it is no path that the router knows."""
    assert isinstance(error, HTTPException)
    if error.status_code == problems.NOT_FOUND.status and request.scope["path"].startswith(STATUS_PATH):
        return _answer_unknown(request)
    response = problems.BY_STATUS.get(error.status_code, problems.NOT_FOUND).respond()
    response.headers.update(error.headers or {})
    return response
