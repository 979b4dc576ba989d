"""The status page and its kin, in both languages: whole by themselves, everything from data escaped."""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from starlette.responses import HTMLResponse, JSONResponse, Response

from pipelines.intake.problems import Problem
from pipelines.intake.standing import Standing, list_facts, read_texts
from pipelines.languages import LANGUAGES, Language

HERE = Path(__file__).parent
DEFAULT_LANGUAGE: Language = "ja"
STYLE = HERE.joinpath("status.css").read_text(encoding="utf-8")
STYLE_DIGEST = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
POLICY = (
    f"default-src 'none'; style-src 'sha256-{STYLE_DIGEST}'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
NO_SCORE = -1.0


def show_standing(standing: Standing, language: Language) -> Response:
    """The page of one request."""
    return _show(language, read_texts()[language]["title"], standing=standing)


def show_problem(problem: Problem, page: str, language: Language) -> Response:
    """A page for whoever cannot be shown a request; page: what the keys of its texts begin with."""
    texts = read_texts()[language]
    response = _show(language, texts[f"{page}.title"], says=texts[f"{page}.says"], status=problem.status)
    if problem.retry_seconds is not None:
        response.headers["Retry-After"] = str(problem.retry_seconds)
    return response


def show_record(record: dict[str, str | None], language: Language) -> Response:
    """The same for programs."""
    return JSONResponse(record, headers={"Content-Language": language, "Vary": "Accept, Accept-Language"})


def choose_language(asked: str | None, accepted: str) -> Language:
    """That of ?lang=, else what the browser prefers of ours."""
    scores = _read_preferences(accepted)
    if asked in LANGUAGES:
        return LANGUAGES[LANGUAGES.index(asked)]
    best: Language = max(LANGUAGES, key=lambda each: (scores.get(each, NO_SCORE), each == DEFAULT_LANGUAGE))
    return best


def prefers_json(accepted: str) -> bool:
    """Whether an Accept header asks for JSON before HTML; browsers and those who do not say get the page."""
    scores = _read_preferences(accepted)
    html = max(scores.get(name, NO_SCORE) for name in ("text/html", "text/*", "*/*"))
    return scores.get("application/json", NO_SCORE) > html


def _read_preferences(header: str) -> dict[str, float]:
    """Quality by name, of languages by their primary subtag; whatever cannot be read counts for nothing."""
    scores: dict[str, float] = {}
    for item in header[:1000].split(","):
        name, _, quality = item.strip().lower().partition(";")
        name = name.strip() if "/" in name else name.strip().split("-")[0]
        scores[name] = max(scores.get(name, NO_SCORE), _read_quality(quality))
    return scores


def _read_quality(parameter: str) -> float:
    text = parameter.strip().removeprefix("q=")
    if not text:
        return 1
    try:
        return min(1, max(0, float(text))) or NO_SCORE
    except ValueError:
        return NO_SCORE


@cache
def _environment() -> Environment:
    loader = FileSystemLoader(HERE)
    return Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)


def _show(
    language: Language, title: str, *, standing: Standing | None = None, says: str = "", status: int = 200
) -> Response:
    page = (
        _environment()
        .get_template("status.html.j2")
        .render(
            language=language,
            other="en" if language == "ja" else "ja",
            title=title,
            style=Markup(STYLE),  # noqa: S704 - our own file, and its digest is in the policy
            standing=standing,
            facts=() if standing is None else tuple(list_facts(standing, language)),
            says=says,
            text=read_texts()[language].__getitem__,
        )
    )
    headers = {"Content-Security-Policy": POLICY, "Content-Language": language, "Vary": "Accept, Accept-Language"}
    return HTMLResponse(page, status, headers=headers)
