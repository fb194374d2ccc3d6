"""``GET /api/jobs/{id}``: one batch, for a command that is watching it.

The response has ``state``, ``reason``, ``total``, ``ended``, ``unsuccessful``, ``net_tokens``,
``seconds_left`` (null if unknown), ``text`` (the digest) and ``running`` (the running offloads: output, task,
stage, tokens, speed).
"""

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from server.calls.long_calls.job_wait import describe_job
from server.common.errors import TokenSaverError
from server.hub import Hub
from server.state.snapshot import RunningOffload
from server.store.jobs import Jobs


def job_route(hub: Hub) -> Route:
    """Return the route."""
    jobs = Jobs(hub.history.database)

    async def job(request: Request) -> Response:
        job_id = request.path_params["job"]
        try:
            found = await hub.batches.get(job_id)
            counts = await hub.batches.counts(job_id)
            under_way = {item.offload_id for item in await jobs.running_items(job_id)}
            return JSONResponse(
                {
                    "id": job_id,
                    "task": found.task,
                    "state": found.state,
                    "reason": found.reason,
                    "total": counts.total,
                    "ended": counts.ended,
                    "unsuccessful": counts.unsuccessful,
                    "net_tokens": counts.net_tokens,
                    "seconds_left": await hub.batches.time_left(job_id, counts),
                    "running": [_running(each) for each in hub.snapshot().running if each.id in under_way],
                    "text": await describe_job(hub, job_id, for_user=True),
                }
            )
        except TokenSaverError as error:
            return JSONResponse({"error": error.code, "message": str(error)}, 400)

    return Route("/api/jobs/{job}", job)


def _running(each: RunningOffload) -> dict[str, str | int | float]:
    return {
        "output": each.output,
        "task": each.task,
        "stage": each.stage,
        "tokens": each.tokens,
        "tokens_per_second": each.tokens_per_second,
    }
