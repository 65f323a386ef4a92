"""The shared Redis client: no cancellation is lost, a bad address is named, a restart is survived."""

from __future__ import annotations

import asyncio
import os
import signal

import pytest
from redis.asyncio import Redis

from swarmbot.jobs.connection import connect
from swarmbot.jobs.embedded_redis import EmbeddedRedis


async def works(redis: Redis, turns: int) -> None:
    """Send commands for ever; ``turns`` shifts the moment in which a cancellation meets this task."""
    for _ in range(turns):
        await redis.get("key")
    while True:
        await redis.get("key")


async def test_every_cancelled_task_ends(redis_server: EmbeddedRedis) -> None:
    async with connect(redis_server.url) as redis:
        for turn in range(60):
            tasks = [asyncio.create_task(works(redis, turns)) for turns in range(10)]
            for _ in range(turn):
                await redis.get("key")
            for task in tasks:
                task.cancel()
            _, running = await asyncio.wait(tasks, timeout=5)
            assert not running


def test_an_address_that_is_none_is_named() -> None:
    with pytest.raises(ValueError, match="redis://"):
        connect("localhost:6379")


async def test_a_restart_of_redis_is_survived(own_redis_server: EmbeddedRedis) -> None:
    async with connect(own_redis_server.url) as redis:
        await redis.set("key", "kept")
        assert own_redis_server.pid is not None
        os.kill(own_redis_server.pid, signal.SIGKILL)
        watch = asyncio.create_task(own_redis_server.watch())

        assert await redis.get("key") == b"kept"

        await own_redis_server.stop()
        await watch
