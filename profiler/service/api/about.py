"""The operation that tells how the pipeline gets on."""

from starlette.requests import Request
from starlette.responses import Response

from profiler.service.api.backend import Backend
from profiler.service.api.operations import JSON, Answer, Operation, Operations
from profiler.service.api.stats import StatsDocument


def about_operations(backend: Backend) -> Operations:
    """It, as a list."""

    async def stats(_request: Request) -> Response:
        return Response(backend.stats.document().model_dump_json(), media_type=JSON)

    return [
        Operation(
            name="readStats",
            method="GET",
            path="/v1/stats",
            summary="Rates, lag and versions; sampled every five seconds, null where unknown.",
            handler=stats,
            answers={200: Answer("what is known", StatsDocument)},
        )
    ]
