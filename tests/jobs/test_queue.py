"""The queue in a real Redis: each time that a job is put in, arq sees a run that it has not seen."""

from __future__ import annotations

import pickle

import pytest
from arq.constants import default_queue_name, in_progress_key_prefix, job_key_prefix
from msgspec import DecodeError
from redis.asyncio import Redis

from swarmbot.jobs.queue import FUNCTION, JobQueue, deserialize


@pytest.fixture
def queue(redis: Redis) -> JobQueue:
    return JobQueue(redis)


async def in_queue(redis: Redis) -> list[str]:
    return [found.decode() for found in await redis.zrange(default_queue_name, 0, -1)]


async def test_a_job_waits_until_a_worker_has_it(queue: JobQueue, redis: Redis) -> None:
    assert not await queue.waits("job")
    await queue.put("job")
    assert await queue.waits("job")
    assert await in_queue(redis) == ["job:1"]
    # arq leaves a job in the queue while it runs, and marks it.
    await redis.set(in_progress_key_prefix + "job:1", b"1")
    assert not await queue.waits("job")


async def test_what_is_put_twice_runs_twice(queue: JobQueue, redis: Redis) -> None:
    await queue.put("job")
    await queue.put("job")
    assert sorted(await in_queue(redis)) == ["job:1", "job:2"]
    assert await queue.runs("job") == 2


async def test_jobs_have_runs_of_their_own(queue: JobQueue) -> None:
    await queue.put("job")
    await queue.put("another")
    assert (await queue.runs("job"), await queue.runs("another"), await queue.runs("nobody")) == (1, 1, 0)


async def test_a_job_whose_worker_died_takes_the_place_of_its_run(queue: JobQueue, redis: Redis) -> None:
    await queue.put("job")
    await redis.set(in_progress_key_prefix + "job:1", b"1")
    await queue.put_again("job")
    assert await in_queue(redis) == ["job:2"]
    assert await queue.waits("job")
    assert not await redis.exists(in_progress_key_prefix + "job:1")


async def test_no_pickle_is_ever_read_from_redis(queue: JobQueue, redis: Redis) -> None:
    await queue.put("job")
    stored = deserialize(await redis.get(job_key_prefix + "job:1"))
    assert (stored["f"], list(stored["a"])) == (FUNCTION, ["job"])
    with pytest.raises(DecodeError):
        deserialize(pickle.dumps({"f": FUNCTION, "a": ["job"]}))
