"""How soon the jobs of a worker that was killed with -9 run again on another one."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from contextlib import AsyncExitStack
from pathlib import Path

from redis.asyncio import Redis

from swarmbot.core.story import AgentStarted, AttemptBegun
from swarmbot.demo.github import DemoGitHub
from swarmbot.jobs.embedded_redis import EmbeddedRedis
from swarmbot.jobs.store import JobStore
from tests.bench.environment import bot_environment
from tests.bench.figures import note, run, say
from tests.stories.test_kill import running

JOBS = 6
"""Of both workers together; those of the one that is killed are at different moments between two heartbeats."""


async def main(folder: Path, wanted: frozenset[str]) -> None:
    server = EmbeddedRedis(folder / "redis")
    await server.start()
    try:
        async with DemoGitHub(folder / "github") as github, Redis.from_url(server.url) as redis:
            environment = bot_environment(
                github,
                folder,
                SWARMBOT_REDIS_URL=server.url,
                SWARMBOT_SHELL_COMMAND="echo at work; exec sleep 50",
                SWARMBOT_MAX_SESSIONS=str(2 * JOBS),  # the other worker has room for all of them
            )
            async with AsyncExitStack() as stack:
                _, address = await stack.enter_async_context(running("web", environment))
                github.hook_url = f"{address}/webhook"
                for _ in range(2):
                    await stack.enter_async_context(running("worker", environment))
                seconds = await _kill_and_wait(github, JobStore(redis))
                github.hook_url = None
    finally:
        await server.stop()
    note(f"{len(seconds)} jobs began again after {', '.join(f'{found:.1f}' for found in sorted(seconds))} s")
    say("crash_to_rerun_s", max(seconds), "s")


async def _kill_and_wait(github: DemoGitHub, store: JobStore) -> list[float]:
    """Start the jobs, kill the worker that has the first of them, and return how long each of its jobs stood still."""
    for number in range(JOBS):
        await github.comment(await github.issue(f"Long work, {number}"), "/agent fix")
    await github.settled()
    async with asyncio.timeout(30):
        while len(jobs := await store.newest(JOBS)) < JOBS:  # noqa: ASYNC110 - Redis has no event for it
            await asyncio.sleep(0.02)
        workers = dict(zip(jobs, await asyncio.gather(*(_worker_of(store, job) for job in jobs)), strict=True))
    victim = workers[jobs[-1]]
    killed = time.time()
    # A worker's name is host:pid:random.
    os.kill(int(victim.rsplit(":", 2)[1]), signal.SIGKILL)
    async with asyncio.timeout(45):
        again = await asyncio.gather(*(_second_attempt(store, job) for job in jobs if workers[job] == victim))
    return [moment - killed for moment in again]


async def _worker_of(store: JobStore, job: str) -> str:
    """Return the name of the worker that has the job, when its agent is at work."""
    worker = ""
    async for entry in store.follow(job):
        if isinstance(entry.event, AttemptBegun):
            worker = entry.event.worker
        if isinstance(entry.event, AgentStarted):
            return worker
    raise RuntimeError(f"job {job} ended before its agent was at work")


async def _second_attempt(store: JobStore, job: str) -> float:
    async for entry in store.follow(job):
        if isinstance(entry.event, AttemptBegun) and entry.event.number == 2:
            return entry.at
    raise RuntimeError(f"job {job} ended without a second attempt")


if __name__ == "__main__":
    run(main, seconds=90)
