"""The worker: dispatches deliveries and runs jobs, until it is told to stop. Wiring only."""

from __future__ import annotations

import asyncio
import os
import secrets
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import structlog
from arq.worker import Worker, func
from redis.asyncio import Redis
from redis.exceptions import RedisError

from swarmbot import agents
from swarmbot.agents.programs import Versions, credentials
from swarmbot.core.model import JobSpec
from swarmbot.core.redact import redactor
from swarmbot.core.session_model import Limits
from swarmbot.github.app import GitHubApp
from swarmbot.github.writer import Lanes
from swarmbot.intake.claims import Claims
from swarmbot.intake.dispatch import Dispatcher
from swarmbot.intake.inbox import Inbox
from swarmbot.jobs.connection import AGAIN_S
from swarmbot.jobs.queue import FUNCTION, JobQueue, arq_redis, deserialize, serialize
from swarmbot.jobs.rescue import rescue
from swarmbot.jobs.run_job import run_job
from swarmbot.jobs.store import JobStore
from swarmbot.jobs.tools import Tools
from swarmbot.settings import Settings
from swarmbot.terminal.screen import warm

POLL_S = 0.1
"""How often arq looks for a job; its own half second would be felt after each comment."""
_BEYOND_LIMIT_S = 3600

log = structlog.get_logger()


async def work(settings: Settings, redis: Redis, operator: Mapping[str, str], *, also_secret: tuple[str, ...]) -> None:
    """Work until cancelled. ``operator`` is the environment; ``also_secret`` are values to hide beside the key's.

    Raises :class:`~swarmbot.settings.SettingsError` and
    :class:`~swarmbot.core.agent_spec.AgentSpecError` at once when it could not work.
    """
    private_key = settings.private_key()
    folders = [settings.agents_dir] if settings.agents_dir else []
    specs = agents.load(*folders)
    store, queue = JobStore(redis), JobQueue(redis)
    name = f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(3)}"
    model_keys = {operator[name] for spec in specs.values() for name in credentials(spec, operator)}
    redact = redactor([private_key, *also_secret, *sorted(model_keys)])
    await asyncio.to_thread(warm)
    async with GitHubApp(settings.app_id or 0, private_key, settings.github_api_url) as github:
        lanes = Lanes()
        tools = Tools(
            redis=redis,
            store=store,
            github=github,
            lanes=lanes,
            agents=specs,
            operator=operator,
            redact=redact,
            folder=settings.folder,
            github_url=settings.github_url.rstrip("/"),
            app_slug=settings.app_slug,
            autonomy=settings.autonomy,
            programs=settings.programs_folder,
            versions=Versions(operator, settings.programs_folder),
            limits=Limits(silence_s=settings.silence_s, total_s=settings.job_timeout_s),
            worker=name,
        )

        async def start_job(spec: JobSpec) -> None:
            await store.accept(spec)
            await queue.put(spec.id)

        dispatcher = Dispatcher(
            inbox=Inbox(redis),
            claims=Claims(redis),
            github=github,
            lanes=lanes,
            start_job=start_job,
            agents=lambda: tuple(agents.fact(spec, operator, settings.programs_folder) for spec in specs.values()),
            default_agent=settings.default_agent,
            app_slug=settings.app_slug,
            redact=redact,
            consumer=name,
        )
        default = specs.get(settings.default_agent)
        no_agent = "there is no agent of that name"
        problem = agents.fact(default, operator, settings.programs_folder).problem if default else no_agent
        if problem:
            log.warning("the default agent cannot work", agent=settings.default_agent, problem=problem)
        log.info("worker ready", worker=name, agents=sorted(specs))
        async with _jobs(settings, redis, tools), asyncio.TaskGroup() as group:
            group.create_task(dispatcher.run())
            group.create_task(rescue(redis, store, queue))


@asynccontextmanager
async def _jobs(settings: Settings, redis: Redis, tools: Tools) -> AsyncIterator[None]:
    """Run arq's worker beside the body. At the end jobs under way are handed back to the queue."""

    async def job(ctx: dict[Any, Any], *args: Any, **kwargs: Any) -> None:
        await run_job(args[0], tools)

    timeout = settings.job_timeout_s + _BEYOND_LIMIT_S
    worker = Worker(
        functions=[func(job, name=FUNCTION, timeout=timeout, max_tries=100, keep_result=0)],
        redis_pool=arq_redis(redis),
        handle_signals=False,
        max_jobs=settings.max_sessions,
        poll_delay=POLL_S,
        job_serializer=serialize,
        job_deserializer=deserialize,
        log_results=False,
    )
    running = asyncio.create_task(_keep_running(worker))
    try:
        yield
    finally:
        running.cancel()
        for task in worker.tasks.values():
            task.cancel()
        await asyncio.gather(running, *worker.tasks.values(), return_exceptions=True)


async def _keep_running(worker: Worker) -> None:
    """Run arq's loop, again after Redis was away; jobs under way go on meanwhile."""
    while True:
        try:
            await worker.main()
        except (RedisError, OSError) as error:
            log.warning("queue not readable", error=str(error))
            await asyncio.sleep(AGAIN_S)
