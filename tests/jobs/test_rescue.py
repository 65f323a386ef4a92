"""Jobs without a worker: found at the second look, left alone while somebody works, and slower after each failure."""

from __future__ import annotations

import pytest
from arq.constants import in_progress_key_prefix
from redis.asyncio import Redis

from swarmbot.core.model import Ending
from swarmbot.core.story import Ended, Said
from swarmbot.jobs import lease
from swarmbot.jobs.queue import JobQueue
from swarmbot.jobs.rescue import PAUSE_AFTER_FAILURES_S, look
from swarmbot.jobs.store import JobStore
from tests.samples import SPEC


class Watch:
    """A rescuer with a clock that is turned by hand."""

    def __init__(self, redis: Redis) -> None:
        self.redis = redis
        self.at = 1_000.0
        self.store, self.queue = JobStore(redis, now=lambda: self.at), JobQueue(redis)
        self.suspects: set[str] = set()

    async def look(self) -> int:
        """Look once and return how often the job was queued so far."""
        self.suspects = await look(self.redis, self.store, self.queue, self.suspects)
        return await self.queue.runs(SPEC.id)

    async def dies(self) -> None:
        """A worker takes the job and dies; its lease runs out."""
        await self.redis.set(f"{in_progress_key_prefix}{SPEC.id}:{await self.queue.runs(SPEC.id)}", b"1")


@pytest.fixture
async def watch(redis: Redis) -> Watch:
    made = Watch(redis)
    await made.store.accept(SPEC)
    return made


async def test_a_job_whose_worker_died_is_queued_again_at_the_second_look(watch: Watch) -> None:
    await watch.queue.put(SPEC.id)
    await watch.dies()
    assert await watch.look() == 1
    assert watch.suspects == {SPEC.id}
    assert await watch.look() == 2
    assert watch.suspects == set()
    assert await watch.queue.waits(SPEC.id)


async def test_a_job_that_was_accepted_and_never_queued_is_queued(watch: Watch) -> None:
    assert await watch.look() == 0
    assert await watch.look() == 1


async def test_a_job_that_waits_is_left_alone(watch: Watch) -> None:
    await watch.queue.put(SPEC.id)
    for _ in range(3):
        assert await watch.look() == 1
        assert watch.suspects == set()


async def test_a_job_that_somebody_holds_is_left_alone(watch: Watch) -> None:
    await watch.queue.put(SPEC.id)
    await watch.dies()
    async with lease.hold(watch.redis, SPEC.id, "a:1"):
        for _ in range(3):
            assert await watch.look() == 1
            assert watch.suspects == set()


async def test_a_worker_that_is_slow_to_take_the_lease_clears_the_suspicion(watch: Watch) -> None:
    await watch.queue.put(SPEC.id)
    await watch.dies()
    await watch.look()
    async with lease.hold(watch.redis, SPEC.id, "a:1"):
        await watch.look()
    assert await watch.look() == 1


async def test_a_job_that_fails_again_and_again_is_tried_ever_more_slowly(watch: Watch) -> None:
    await watch.queue.put(SPEC.id)
    await watch.queue.put_again(SPEC.id)
    for runs in range(2, 5):
        await watch.dies()
        pause = PAUSE_AFTER_FAILURES_S * (runs - 1)
        watch.at = 1_000.0 + pause - 0.1
        await watch.look()
        assert await watch.look() == runs
        watch.at = 1_000.0 + pause
        assert await watch.look() == runs + 1


async def test_a_settled_job_is_nobodys_business(watch: Watch) -> None:
    job = await watch.store.load(SPEC.id)
    for event in (Ended(Ending.CANCELLED), Said("reply", 1), Said("last_edit", 1)):
        job = await watch.store.append(job, event)
    assert await watch.look() == 0
    assert await watch.look() == 0
    assert watch.suspects == set()


async def test_one_that_ended_and_was_told_to_nobody_is_taken_up_again(watch: Watch) -> None:
    job = await watch.store.load(SPEC.id)
    await watch.store.append(job, Ended(Ending.CANCELLED))
    await watch.look()
    assert await watch.look() == 1
