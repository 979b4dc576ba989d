"""The service keeps to its own OpenAPI document, whatever is sent."""

import json

import jsonschema
import pytest
import schemathesis
from anyio.from_thread import start_blocking_portal
from hypothesis import HealthCheck, Phase, settings
from schemathesis import checks
from schemathesis.config import SchemathesisConfig

from pipelines.intake.filing import Filing
from tests.intake.calls import Service, found_settings, sign_for_facebook, sign_headers

EXAMPLES = 60
CHECKS = [
    checks.not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_schema_conformance,
]


@pytest.fixture(scope="module")
def document(service: Service) -> dict:
    return service.request("GET", "/openapi.json").json()


def resolve(document: dict, schema: dict) -> dict:
    return {**schema, "components": document["components"]}


def list_examples(document: dict):
    """Every example of the document with the schema that it is one of."""
    for place in document["paths"].values():
        for operation in place.values():
            for parameter in operation.get("parameters", ()):
                yield parameter["schema"], parameter["example"]
            contents = [operation.get("requestBody", {}).get("content", {})]
            contents += [response["content"] for response in operation["responses"].values()]
            for media in (media for content in contents for media in content.values()):
                examples = [example["value"] for example in media.get("examples", {}).values()]
                examples += [media["example"]] if "example" in media else []
                yield from ((media["schema"], example) for example in examples)


def test_the_document_is_valid_openapi(document: dict):
    assert document["openapi"].startswith("3.1")
    schemathesis.openapi.from_dict(document).validate()
    for schema in document["components"]["schemas"].values():
        jsonschema.Draft202012Validator.check_schema(schema)


def test_every_example_is_one_of_its_schema(document: dict):
    examples = list(list_examples(document))
    assert len(examples) > 25
    for schema, example in examples:
        jsonschema.Draft202012Validator(resolve(document, schema)).validate(example)


def test_every_place_tells_of_limits_and_what_else_may_go_wrong(document: dict):
    for place in document["paths"].values():
        for operation in place.values():
            assert {"408", "413", "429", "500", "503"} <= operation["responses"].keys()
            assert operation["summary"]


def test_the_examples_of_requests_are_taken(service: Service, document: dict):
    body = document["paths"]["/requests"]["post"]["requestBody"]["content"]["application/json"]
    for example in body["examples"].values():
        Filing.model_validate_json(json.dumps(example["value"]))
    without_contact = {k: v for k, v in body["examples"]["deletion"]["value"].items() if k != "contact"}
    assert service.file(without_contact).status_code == 202


def test_how_to_sign_is_told(document: dict):
    told = document["info"]["description"]
    assert all(
        word in told for word in ("HMAC-SHA256", "nonce", "Idempotency-Key", "300 seconds", "SHA-256 of the body")
    )


def load_schema():
    """The document as the test collection needs it, with no installation at hand."""
    from fastapi import FastAPI

    from pipelines.intake.application import create_application
    from pipelines.settings import load_settings

    inner = create_application(load_settings({"TOKUMEI_HOME": "/nonexistent"}))._application
    assert isinstance(inner, FastAPI)
    return schemathesis.openapi.from_dict(inner.openapi(), config=SchemathesisConfig())


schema = load_schema()


@pytest.fixture(scope="module")
def fuzzed(tmp_path_factory):
    with start_blocking_portal() as portal:
        yield Service(found_settings(tmp_path_factory.mktemp("fuzzed") / "home"), portal)


@pytest.mark.slow
@schema.parametrize()
@settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.explicit, Phase.generate],
    derandomize=True,
)
def test_whatever_fits_the_document_or_breaks_it_gets_a_documented_answer(case, fuzzed: Service):
    kwargs = case.as_transport_kwargs(base_url="http://privacy.test")
    options = {name: kwargs[name] for name in ("headers", "params", "data", "json") if kwargs.get(name) is not None}
    if case.path == "/requests":
        answer = fuzzed.request("POST", "/requests", **sign_case(fuzzed, options))
    elif case.path == "/facebook/data-deletion":
        answer = fuzzed.request("POST", case.path, **sign_form(options))
    else:
        answer = fuzzed.request(case.method, kwargs["url"].removeprefix("http://privacy.test"), **options)
    case.validate_response(answer, checks=CHECKS)


def sign_case(service: Service, options: dict) -> dict:
    """Signed, so that it is read; what other parts file and keep is tested with them."""
    content = options.get("json", options.get("data"))
    if isinstance(content, dict):
        content.pop("contact", None)
        if content.get("kind") in ["access", "restrict", "unrestrict", "correct"]:
            content["kind"] = "deletion"
            content.pop("detail", None)
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    return {"content": body, "headers": sign_headers(service.secret, body)}


def sign_form(options: dict) -> dict:
    """What was generated is what Facebook would have signed."""
    given = options.get("data")
    field = given.get("signed_request") if isinstance(given, dict) else given
    signed = sign_for_facebook({"algorithm": "HMAC-SHA256", "user_id": str(field)})
    return {"data": {"signed_request": signed}}
