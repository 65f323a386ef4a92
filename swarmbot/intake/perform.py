"""Carries out what commands decided: each effect once, also when a delivery has to be taken up again."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Awaitable, Callable, Iterable
from typing import assert_never

import structlog

from swarmbot.core.model import JobSpec, Request
from swarmbot.core.policy import Effect, React, Refused, Reply, StartJob
from swarmbot.github.client import Client, Invalid, NotPermitted, NotThere
from swarmbot.github.reader import find_comment
from swarmbot.github.writer import Writer

LOOK_BACK_S = 2 * 3600.0
"""How old a reply can be that an interrupted try has left: deliveries are given up after an hour."""

log = structlog.get_logger()

StartsJob = Callable[[JobSpec], Awaitable[None]]
"""Accepts a job and puts it into the queue; the same job twice is one job."""


async def perform(
    effects: Iterable[Effect], request: Request, *, client: Client, writer: Writer, start_job: StartsJob, again: bool
) -> None:
    """Carry out ``effects`` in order. ``again``: some may have been carried out before a crash.

    Raises :class:`~swarmbot.github.client.Unavailable` when GitHub cannot be reached: call again, with ``again``. What
    GitHub refuses for good (a locked thread, a deleted comment) is logged and passed over.
    """
    for index, effect in enumerate(effects):
        try:
            match effect:
                case StartJob(spec):
                    await start_job(spec)
                case React(content):
                    await writer.react(request.thread.number, request.comment_id, content)
                case Reply(body):
                    await _reply(body, f"{request.key}#{index}", request, client, writer, again)
                case Refused(reason):
                    log.info("request refused", reason=reason, **_where(request))
                case _:
                    assert_never(effect)
        except (NotThere, NotPermitted, Invalid) as error:
            log.warning("not said", effect=type(effect).__name__, error=str(error), **_where(request))


async def _reply(body: str, key: str, request: Request, client: Client, writer: Writer, again: bool) -> None:
    marker = f"<!-- swarmbot:reply={hashlib.sha256(key.encode()).hexdigest()[:16]} -->"
    number = request.thread.number
    since = time.time() - LOOK_BACK_S
    if again and await find_comment(client, request.repository, number, marker, since=since):
        return
    await writer.comment(number, f"{marker}\n{body}")


def _where(request: Request) -> dict[str, object]:
    return {
        "repository": request.repository.full_name,
        "thread": request.thread.number,
        "sender": request.sender.login,
        "delivery": request.delivery,
    }
