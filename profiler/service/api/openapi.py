"""The API's description (OpenAPI 3.1), made from its operations and the rules."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import orjson
from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema
from starlette.requests import Request
from starlette.responses import Response

from profiler import __version__
from profiler.rules.contract import contract_of
from profiler.rules.model import Rules
from profiler.service.api import problems
from profiler.service.api.operations import JSON, Answer, Operation, Operations

#: What every operation may answer.
_ALWAYS = {
    400: "the request is wrong",
    421: "without a token: another name than this machine's",
    429: "too many requests of this address",
    431: "path, query and headers are too large",
    500: "a fault of ours, or of the configuration: the log says which",
    503: "too much is under way, or Redis cannot answer now: ask again",
}
_UNAUTHORIZED = "no token, or a wrong one"

_TYPES: Mapping[str, Mapping[str, Any]] = {
    "string": {"type": "string"},
    "integer": {"type": "integer"},
    "boolean": {"type": "boolean"},
    "decimal": {"type": "number"},
    "list": {"type": "array", "items": {"type": "string"}},
    "counts": {"type": "object", "additionalProperties": {"type": "integer"}},
}


def profile_schema(rules: Rules) -> dict[str, Any]:
    """What a profile of these rules looks like: a field that is not known yet is left out."""
    fields = contract_of(rules).fields
    return {
        "type": "object",
        "description": f"a profile by the rules {rules.version}",
        "properties": {each.name: dict(_TYPES[each.type]) for each in fields},
        "additionalProperties": False,
    }


def with_description(operations: Sequence[Operation], rules: Rules) -> Operations:
    """The operations, and one more, which describes all of them."""
    body = b""

    async def describe(_request: Request) -> Response:
        return Response(body, media_type=JSON)

    own = Operation(
        name="readDescription",
        method="GET",
        path="/v1/openapi.json",
        summary="This description.",
        handler=describe,
        answers={200: Answer("OpenAPI 3.1", {"type": "object"})},
    )
    everything = [*operations, own]
    body = orjson.dumps(description(everything, rules))
    return everything


def description(operations: Operations, rules: Rules) -> dict[str, Any]:
    """The whole document."""
    paths: dict[str, dict[str, Any]] = {}
    for operation in operations:
        paths.setdefault(operation.path, {})[operation.method.lower()] = _described(operation)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "visitor profiler",
            "version": __version__,
            "description": "Reads and forgets the profiles of visitors.",
        },
        "security": [{"token": []}],
        "paths": paths,
        "components": {
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
            "schemas": {"Profile": profile_schema(rules), "Problem": problems.SCHEMA},
        },
    }


def _described(operation: Operation) -> dict[str, Any]:
    found: dict[str, Any] = {
        "operationId": operation.name,
        "summary": operation.summary,
        "parameters": [*_parameters(operation)],
        "responses": {
            **{str(status): _answer(each) for status, each in operation.answers.items()},
            **{str(status): _problem(text) for status, text in _problems(operation)},
        },
    }
    if operation.body:
        content = {JSON: {"schema": _schema_of(operation.body)}}
        found["requestBody"] = {"required": True, "content": content}
    if operation.is_open:
        found["security"] = []
    return found


def _problems(operation: Operation) -> Iterator[tuple[int, str]]:
    always = {} if operation.is_open else {401: _UNAUTHORIZED}
    for status, text in sorted((always | _ALWAYS | dict(operation.problems)).items()):
        if status not in operation.answers:
            yield status, text


def _parameters(operation: Operation) -> Iterator[dict[str, Any]]:
    for name, meaning in operation.path_names.items():
        schema = {"type": "string", "minLength": 1}
        yield {"in": "path", "name": name, "required": True, "description": meaning} | {
            "schema": schema
        }
    if operation.query:
        for name, schema in _schema_of(operation.query)["properties"].items():
            meaning = schema.pop("description")
            yield {"in": "query", "name": name, "description": meaning, "schema": schema}
    for name, meaning in operation.request_headers.items():
        yield {"in": "header", "name": name, "description": meaning, "schema": {"type": "string"}}


class _Schemas(GenerateJsonSchema):
    """Schemas without titles: they say the names once more."""

    def field_title_should_be_set(self, schema: Any) -> bool:  # noqa: ANN401, ARG002 - theirs
        """No titles."""
        return False


def _schema_of(model: type[BaseModel]) -> dict[str, Any]:
    """A model's schema, with the schemas of its parts in their places."""
    schema = model.model_json_schema(schema_generator=_Schemas, mode="serialization")
    parts = schema.pop("$defs", {})
    text = orjson.dumps(schema).decode()
    for name, part in parts.items():
        text = text.replace(f'{{"$ref":"#/$defs/{name}"}}', orjson.dumps(part).decode())
    found: dict[str, Any] = orjson.loads(text)
    return found


def _answer(answer: Answer) -> dict[str, Any]:
    found: dict[str, Any] = {"description": answer.meaning}
    if answer.schema is not None:
        schema = answer.schema
        described = _schema_of(schema) if isinstance(schema, type) else schema
        found["content"] = {JSON: {"schema": described}}
    if answer.headers:
        found["headers"] = {
            name: {"description": text, "schema": {"type": "string"}}
            for name, text in answer.headers.items()
        }
    return found


def _problem(text: str) -> dict[str, Any]:
    schema = {"$ref": "#/components/schemas/Problem"}
    return {"description": text, "content": {problems.MEDIA_TYPE: {"schema": schema}}}
