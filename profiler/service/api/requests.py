"""Requests, checked: the model that describes a query or a body is the one that reads it."""

from typing import Annotated, Literal, TypeVar
from urllib.parse import unquote_to_bytes

import orjson
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.requests import Request

from profiler.profiles.forgetting import EVER
from profiler.rules.duration import FORM, ms_of
from profiler.service.api.limits import body_of
from profiler.service.api.problems import Problem

#: A batch has at most so many visitors.
MOST_VISITORS = 100

_Flag = Literal["false", "true"]


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class ReadQuery(_Model):
    """How profiles are read."""

    now: str = Field(
        default="",
        pattern="^[0-9]{1,15}$",
        description="the time for windows and ages, in ms since the epoch; by default"
        " the time of the request",
    )


class ForgetQuery(_Model):
    """How a visitor is forgotten; see `profiler forget --help`."""

    keep_for: str = Field(
        default="395 d",
        pattern=f"^{FORM.pattern}$",
        description="how long the mark lives: longer than the retention of every topic that may"
        " be read again",
    )
    block: _Flag = Field(
        default="false", description="begin no new profile either, until the mark ends"
    )
    dry_run: _Flag = Field(
        default="false", description="say how many profiles there are; change nothing"
    )

    @property
    def keep_ms(self) -> int:
        """How long the mark lives."""
        return ms_of(self.keep_for)

    def till(self, now_ms: int) -> int:
        """Up to when events are forgotten."""
        return EVER if self.block == "true" else now_ms


class NoQuery(_Model):
    """Nothing."""


class BatchBody(_Model):
    """Whose profiles are read."""

    visitors: list[Annotated[str, Field(min_length=1)]] = Field(
        min_length=1, max_length=MOST_VISITORS, description="ids, as events have them"
    )


class LoginBody(_Model):
    """What a browser shows once."""

    token: str = Field(max_length=1_024, description="the bearer token")


Model = TypeVar("Model", bound=_Model)


def query_of(request: Request, model: type[Model]) -> Model:
    """The query, as the model has it.

    Raises:
        Problem: it has something else, or something twice.
    """
    pairs = request.query_params.multi_items()
    given = dict(pairs)
    if len(given) < len(pairs):
        raise Problem(400, "bad_query", "a name stands twice in the query")
    try:
        return model.model_validate(given)
    except ValidationError as error:
        raise Problem(400, "bad_query", _said(error)) from error


async def json_of(request: Request, model: type[Model], *, most: int, within_s: float) -> Model:
    """The body, as the model has it; see `body_of`.

    Raises:
        Problem: it is something else.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise Problem(415, "no_json", "send the header: Content-Type: application/json")
    body = await body_of(request, most=most, within_s=within_s)
    try:
        return model.model_validate(orjson.loads(body))
    except orjson.JSONDecodeError as error:
        raise Problem(400, "bad_json", f"the body is no JSON: {error.msg}") from error
    except ValidationError as error:
        raise Problem(400, "bad_body", _said(error)) from error


def visitor_of(request: Request) -> str:
    """The visitor's id in the path.

    Raises:
        Problem: it is no UTF-8.
    """
    segment: str = request.path_params["id"]
    try:
        return unquote_to_bytes(segment).decode()
    except UnicodeDecodeError as error:
        detail = "the id in the path is no UTF-8: no visitor has it"
        raise Problem(400, "bad_id", detail) from error


def _said(error: ValidationError) -> str:
    """What is wrong, without what was sent."""
    problems = error.errors(include_input=False, include_url=False, include_context=False)
    return "; ".join(
        f"{'.'.join(map(str, each['loc'])) or 'the body'}: {each['msg']}" for each in problems
    )
