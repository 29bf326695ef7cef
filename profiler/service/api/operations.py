"""What the API offers, as data: the routes and the description are both made from this."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response

Method = Literal["GET", "POST", "DELETE"]
Schema = Mapping[str, Any]
Handler = Callable[[Request], Awaitable[Response]]

JSON = "application/json"


@dataclass(frozen=True)
class Answer:
    """What may come back.

    Attributes:
        meaning: in words.
        schema: of its body; None where it has none.
        headers: what they say, by name.
    """

    meaning: str
    schema: Schema | type[BaseModel] | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Operation:
    """One thing that can be asked for.

    Attributes:
        name: as clients that are generated call it.
        method: HTTP's.
        path: its template; the access log and the metrics have it in place of the path.
        summary: what it does.
        handler: does it.
        answers: by status, the answers that are no problem.
        problems: by status, what is wrong then; problems of all operations are left out.
        path_names: the names in the template, and what they are.
        query: what the query may hold.
        body: what the body must hold.
        request_headers: what they say, by name.
        is_open: whether everybody may ask.
    """

    name: str
    method: Method
    path: str
    summary: str
    handler: Handler
    answers: Mapping[int, Answer]
    problems: Mapping[int, str] = field(default_factory=dict)
    path_names: Mapping[str, str] = field(default_factory=dict)
    query: type[BaseModel] | None = None
    body: type[BaseModel] | None = None
    request_headers: Mapping[str, str] = field(default_factory=dict)
    is_open: bool = False


Operations = Sequence[Operation]
