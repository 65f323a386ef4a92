"""Starts and stops the processes of a server: web, worker, and both with a Redis of their own. Wiring only."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

import structlog
from redis.asyncio import Redis

from swarmbot import events, sandbox
from swarmbot.core.agent_spec import AgentSpecError
from swarmbot.intake.hook import Hook
from swarmbot.intake.inbox import Inbox
from swarmbot.jobs.connection import connect
from swarmbot.jobs.embedded_redis import (
    EmbeddedRedis,
    RedisDataTooNew,
    RedisDidNotStart,
    RedisFolderInUse,
    RedisNotFound,
    UnsafeRuntimeFolder,
)
from swarmbot.settings import Settings, SettingsError
from swarmbot.web.app import AddressInUse, create_app, serve
from swarmbot.worker import work

log = structlog.get_logger()

OPERATOR_ERRORS = (
    SettingsError,
    AgentSpecError,
    sandbox.SandboxMissing,
    AddressInUse,
    RedisNotFound,
    RedisFolderInUse,
    RedisDidNotStart,
    RedisDataTooNew,
    UnsafeRuntimeFolder,
)
"""What stops a start, and an operator can mend: the text is for people, a traceback is not."""


async def up(settings: Settings) -> None:
    """Run web server and worker, with a Redis of their own where none is configured, until cancelled."""
    sandbox.require(settings.sandbox)
    # Asked for before anything is started: what is missing should be said at once.
    settings.private_key()
    settings.secrets()
    async with _redis(settings) as redis, asyncio.TaskGroup() as group:
        group.create_task(_web(settings, redis))
        group.create_task(_worker(settings, redis))


async def web(settings: Settings) -> None:
    """Run the web server alone until cancelled."""
    async with _configured_redis(settings) as redis:
        await _web(settings, redis)


async def worker(settings: Settings) -> None:
    """Run a worker alone until cancelled."""
    sandbox.require(settings.sandbox)
    async with _configured_redis(settings) as redis:
        await _worker(settings, redis)


async def _web(settings: Settings, redis: Redis) -> None:
    hook = Hook(Inbox(redis), settings.secrets(), frozenset(events.ALL))
    await serve(create_app(hook, redis), settings.host, settings.port, _say_ready(settings.host))


async def _worker(settings: Settings, redis: Redis) -> None:
    if shutil.which("git") is None:
        raise SettingsError("git is not installed, or not on the PATH.")
    settings.make_folder()
    # Variables of a git that this was started from, a hook's for instance, would steer ours.
    for name in [name for name in os.environ if name.startswith("GIT_")]:
        del os.environ[name]
    secrets = tuple(secret.decode() for secret in settings.secrets()) if _has_secret(settings) else ()
    await work(settings, redis, dict(os.environ), also_secret=secrets)


def _has_secret(settings: Settings) -> bool:
    return bool(settings.webhook_secret.get_secret_value() or settings.webhook_secret_file)


def _say_ready(host: str) -> Callable[[int], None]:
    def say(port: int) -> None:
        log.info("web ready", address=f"http://{host}:{port}", hook="/webhook")

    return say


@asynccontextmanager
async def _redis(settings: Settings) -> AsyncIterator[Redis]:
    if settings.redis_url:
        async with _configured_redis(settings) as redis:
            yield redis
        return
    settings.make_folder()
    server = EmbeddedRedis(settings.folder / "redis")
    await server.start()
    watch = asyncio.create_task(server.watch())
    try:
        async with connect(server.url) as redis:
            yield redis
    finally:
        await server.stop()
        await watch


@asynccontextmanager
async def _configured_redis(settings: Settings) -> AsyncIterator[Redis]:
    if not settings.redis_url:
        raise SettingsError("SWARMBOT_REDIS_URL is not set: `web` and `worker` share a Redis; `up` starts its own.")
    try:
        client = connect(settings.redis_url)
    except ValueError as error:
        raise SettingsError(f"SWARMBOT_REDIS_URL: {error}") from error
    async with client as redis:
        yield redis


def until_stopped(main: Coroutine[Any, Any, None]) -> None:
    """Run ``main`` until it ends, or until SIGINT or SIGTERM cancels it; a second signal ends the process at once."""
    import uvloop  # noqa: PLC0415 - not needed by commands that only look

    async def run() -> None:
        task = asyncio.ensure_future(main)
        loop = asyncio.get_running_loop()

        def stop(number: signal.Signals) -> None:
            log.info("stopping", signal=number.name)
            task.cancel()
            loop.remove_signal_handler(number)

        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, stop, number)
        try:
            await task
        except asyncio.CancelledError:
            log.info("stopped")

    uvloop.run(run())
