"""What tests of several rooms share: a real Redis, emptied for each test; one that may be killed; a small GitHub."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from redis.asyncio import Redis

from swarmbot.demo.github import DemoGitHub, make_private_key
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


@pytest.fixture(scope="session")
def private_key() -> str:
    """One key for all Apps of the run: making one takes longer than most tests."""
    return make_private_key()


@pytest_asyncio.fixture
async def github(tmp_path: Path, private_key: str) -> AsyncIterator[DemoGitHub]:
    """A GitHub on loopback, of this test alone."""
    async with DemoGitHub(tmp_path / "github", private_key_pem=private_key) as github:
        yield github
