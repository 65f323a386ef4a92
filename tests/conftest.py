"""What tests of several rooms share: one real Redis for the run, emptied for each test, and one that may be killed."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from redis.asyncio import Redis

from swarmbot.jobs.embedded_redis import EmbeddedRedis


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def redis_server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[EmbeddedRedis]:
    server = EmbeddedRedis(tmp_path_factory.mktemp("redis"))
    await server.start()
    yield server
    await server.stop()


@pytest_asyncio.fixture
async def redis(redis_server: EmbeddedRedis) -> AsyncIterator[Redis]:
    async with Redis.from_url(redis_server.url) as client:
        await client.flushall()
        yield client


@pytest_asyncio.fixture
async def own_redis_server(tmp_path: Path) -> AsyncIterator[EmbeddedRedis]:
    """A Redis of this test alone, to be killed, stopped and started again as it likes."""
    server = EmbeddedRedis(tmp_path / "own-redis")
    await server.start()
    yield server
    await server.stop()
