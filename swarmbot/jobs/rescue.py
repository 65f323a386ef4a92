"""Finds jobs whose worker died and puts them into the queue again; every worker does this for all of them."""

from __future__ import annotations

import asyncio

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

from swarmbot.jobs import lease
from swarmbot.jobs.queue import JobQueue
from swarmbot.jobs.store import JobStore

LOOK_EVERY_S = 2.0
PAUSE_AFTER_FAILURES_S = 5.0
"""A job that has been queued n times is left alone for (n - 1) times as long after its last event."""

log = structlog.get_logger()


async def rescue(redis: Redis, store: JobStore, queue: JobQueue) -> None:
    """Look after open jobs until cancelled; Redis may come and go."""
    suspects: set[str] = set()
    while True:
        try:
            suspects = await look(redis, store, queue, suspects)
        except (RedisError, OSError) as error:
            log.warning("jobs not looked after", error=str(error))
        await asyncio.sleep(LOOK_EVERY_S)


async def look(redis: Redis, store: JobStore, queue: JobQueue, suspects: set[str]) -> set[str]:
    """Queue again what nobody works on, if it was so at the look before too (``suspects``); return today's suspects.

    Two looks, because a worker takes a job out of the queue a moment before it takes the lease.
    """
    found = set()
    for job_id in await store.open_jobs():
        if await lease.held(redis, job_id) or await queue.waits(job_id):
            continue
        runs = await queue.runs(job_id)
        if job_id in suspects and await _rested(store, job_id, runs):
            log.warning("job without a worker is queued again", job=job_id, runs=runs)
            await queue.put_again(job_id)
        else:
            found.add(job_id)
    return found


async def _rested(store: JobStore, job_id: str, runs: int) -> bool:
    job = await store.load(job_id)
    return store.now() - job.at >= PAUSE_AFTER_FAILURES_S * max(0, min(runs - 1, 60))
