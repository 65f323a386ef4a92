"""Requests by their natural keys: new once, begun until finished, then done for good."""

from __future__ import annotations

import asyncio

import pytest
from redis.asyncio import Redis

from swarmbot.intake.claims import REMEMBERED_S, Claim, Claims

KEY = "comment:7:501:ab"


@pytest.fixture
def claims(redis: Redis) -> Claims:
    return Claims(redis)


async def test_a_request_is_new_once(claims: Claims) -> None:
    assert await claims.begin(KEY) is Claim.NEW
    assert await claims.begin(KEY) is Claim.BEGUN
    await claims.finish(KEY)
    assert await claims.begin(KEY) is Claim.DONE
    assert await claims.begin("comment:7:502:ab") is Claim.NEW


async def test_of_fifty_at_once_one_is_new(claims: Claims) -> None:
    found = await asyncio.gather(*(claims.begin(KEY) for _ in range(50)))
    assert found.count(Claim.NEW) == 1
    assert found.count(Claim.BEGUN) == 49


async def test_what_was_done_is_not_undone_by_who_began_late(claims: Claims) -> None:
    await claims.begin(KEY)
    await claims.finish(KEY)
    await claims.begin(KEY)
    assert await claims.begin(KEY) is Claim.DONE


@pytest.mark.parametrize("finished", [False, True])
async def test_it_is_remembered_for_thirty_days(claims: Claims, redis: Redis, finished: bool) -> None:
    await claims.begin(KEY)
    if finished:
        await claims.finish(KEY)
    [key] = await redis.keys("swarmbot:request:*")
    assert REMEMBERED_S - 100 < await redis.ttl(key) <= REMEMBERED_S
