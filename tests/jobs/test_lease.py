"""The lease of a job: one holder at a time, and who has lost it stops."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from redis.asyncio import Redis

from swarmbot.jobs import lease


@asynccontextmanager
async def changes(redis: Redis, key: str) -> AsyncIterator[AsyncIterator[Any]]:
    """What happens to a key while the body runs, as Redis tells it."""
    await redis.config_set("notify-keyspace-events", "Kg")
    try:
        async with redis.pubsub(ignore_subscribe_messages=True) as told:
            await told.subscribe(f"__keyspace@0__:{key}")
            yield told.listen()
    finally:
        await redis.config_set("notify-keyspace-events", "")


async def test_one_holder_at_a_time(redis: Redis) -> None:
    async with lease.hold(redis, "job", "a:1"):
        assert await lease.held(redis, "job")
        assert not await lease.held(redis, "another")
        with pytest.raises(lease.LeaseTaken):
            async with lease.hold(redis, "job", "b:1"):
                pytest.fail("two hold one lease")
        assert await lease.held(redis, "job")
    assert not await lease.held(redis, "job")
    async with lease.hold(redis, "job", "b:1"):
        assert await lease.held(redis, "job")


async def test_it_is_given_back_after_an_error(redis: Redis) -> None:
    with pytest.raises(ZeroDivisionError):
        async with lease.hold(redis, "job", "a:1"):
            raise ZeroDivisionError
    assert not await lease.held(redis, "job")


async def test_it_does_not_outlive_its_worker_by_much(redis: Redis) -> None:
    async with lease.hold(redis, "job", "a:1"):
        assert 0 < await redis.pttl(lease.lease_key("job")) <= lease.LIFE_S * 1000


async def test_it_is_renewed_while_the_worker_lives(redis: Redis) -> None:
    async with lease.hold(redis, "job", "a:1"):
        await redis.pexpire(lease.lease_key("job"), int(lease.BEAT_S * 1000) + 2000)
        async with changes(redis, lease.lease_key("job")) as seen, asyncio.timeout(lease.BEAT_S + 2):
            assert (await anext(seen))["data"] == b"expire"
        assert await redis.pttl(lease.lease_key("job")) > lease.BEAT_S * 1000 + 2000


async def test_who_has_lost_it_is_stopped_and_takes_nothing_from_the_next(redis: Redis) -> None:
    holds = asyncio.Event()

    async def work() -> None:
        async with lease.hold(redis, "job", "a:1"):
            holds.set()
            await asyncio.Event().wait()

    working = asyncio.create_task(work())
    await holds.wait()
    await redis.set(lease.lease_key("job"), "b:1")
    async with asyncio.timeout(lease.BEAT_S + 5):
        with pytest.raises(asyncio.CancelledError):
            await working
    assert await redis.get(lease.lease_key("job")) == b"b:1"
