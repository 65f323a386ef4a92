"""``kill -9`` of web, worker or Redis: no accepted delivery is lost, and no job ends twice."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest
from redis.asyncio import Redis

from swarmbot.core.model import Ending
from swarmbot.core.story import AgentFinished, AgentStarted, Prepared, PromptAnswered, PullOpened, Pushed, Queued
from swarmbot.demo.github import Comment, DemoGitHub, Issue
from swarmbot.jobs.embedded_redis import EmbeddedRedis
from swarmbot.jobs.store import JobStore
from tests.stories.conftest import Bot

Environment = dict[str, str]


@pytest.fixture
def environment(github: DemoGitHub, agents_dir: Path, own_redis_server: EmbeddedRedis, tmp_path: Path) -> Environment:
    key, secret = tmp_path / "app.pem", tmp_path / "secret"
    for path, text in ((key, github.private_key), (secret, github.webhook_secret)):
        path.touch(mode=0o600)
        path.write_text(text)
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "SWARMBOT_HOME": str(tmp_path / "home"),
        "SWARMBOT_REDIS_URL": own_redis_server.url,
        "SWARMBOT_APP_ID": str(github.app_id),
        "SWARMBOT_PRIVATE_KEY_FILE": str(key),
        "SWARMBOT_WEBHOOK_SECRET_FILE": str(secret),
        "SWARMBOT_GITHUB_API_URL": github.api_url,
        "SWARMBOT_GITHUB_URL": github.web_url,
        "SWARMBOT_PORT": "0",
        "SWARMBOT_DEFAULT_AGENT": "demo",
        "SWARMBOT_AGENTS_DIR": str(agents_dir),
        "SWARMBOT_SANDBOX": "off",
    }


@asynccontextmanager
async def running(command: str, environment: Environment) -> AsyncIterator[tuple[asyncio.subprocess.Process, str]]:
    """Run ``swarmbot web`` or ``worker``; gives the process and, for web, its address. Killed at the end."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "swarmbot", command, env=environment, stderr=asyncio.subprocess.PIPE
    )
    assert process.stderr is not None
    address = ""
    said: list[str] = []
    async with asyncio.timeout(30):
        while not any(f"{command} ready" in line for line in said):
            line = (await process.stderr.readline()).decode()
            assert line, f"{command} ended: {''.join(said)}"
            said.append(line)
    address = json.loads(said[-1]).get("address", "")
    drain = asyncio.create_task(process.stderr.read())
    try:
        yield process, address
    finally:
        kill(process)
        await process.wait()
        await drain


def kill(process: asyncio.subprocess.Process) -> None:
    with suppress(ProcessLookupError):
        process.send_signal(signal.SIGKILL)


@asynccontextmanager
async def following(redis_server: EmbeddedRedis, github: DemoGitHub, folder: Path) -> AsyncIterator[Bot]:
    redis: Redis = Redis.from_url(redis_server.url)
    async with redis:
        yield Bot(github, JobStore(redis), folder)


async def ends_once(bot: Bot, github: DemoGitHub, issue: Issue, comment: Comment) -> None:
    await github.next_reaction(comment)
    job = await bot.end_of_job(issue)
    pull = await bot.opened_pull_request()
    assert job.ending is Ending.DONE
    assert pull.closes(issue)
    assert len(github.pulls()) == 1
    assert len(github.check_runs()) == 1
    github.assert_nothing_unexpected()


async def test_web_is_killed_after_it_took_the_delivery(
    github: DemoGitHub, environment: Environment, own_redis_server: EmbeddedRedis, tmp_path: Path
) -> None:
    issue = await github.issue("Crash on empty file")
    async with running("web", environment) as (web, address):
        github.hook_url = f"{address}/webhook"
        comment = await github.comment(issue, "/agent fix")
        await github.settled()
        kill(web)
    github.hook_url = None
    assert github.deliveries[-1].status_code == 202

    async with running("worker", environment), following(own_redis_server, github, tmp_path) as bot:
        await ends_once(bot, github, issue, comment)


async def test_redis_is_killed_after_it_took_the_delivery(
    github: DemoGitHub, environment: Environment, own_redis_server: EmbeddedRedis, tmp_path: Path
) -> None:
    issue = await github.issue("Crash on empty file")
    assert own_redis_server.pid is not None
    async with running("web", environment) as (_, address):
        github.hook_url = f"{address}/webhook"
        comment = await github.comment(issue, "/agent fix")
        await github.settled()
        os.kill(own_redis_server.pid, signal.SIGKILL)
        watch = asyncio.create_task(own_redis_server.watch())

        async with running("worker", environment), following(own_redis_server, github, tmp_path) as bot:
            await ends_once(bot, github, issue, comment)
    github.hook_url = None
    await own_redis_server.stop()
    await watch


@pytest.mark.parametrize(
    "moment",
    [
        AgentStarted,
        Pushed,
        *(pytest.param(moment, marks=pytest.mark.full) for moment in (Queued, Prepared, AgentFinished, PullOpened)),
    ],
)
async def test_the_worker_is_killed_in_mid_job(
    github: DemoGitHub,
    environment: Environment,
    own_redis_server: EmbeddedRedis,
    tmp_path: Path,
    moment: type[object],
) -> None:
    issue = await github.issue("Crash on empty file")
    async with running("web", environment) as (_, address), following(own_redis_server, github, tmp_path) as bot:
        github.hook_url = f"{address}/webhook"
        async with running("worker", environment) as (worker, _):
            comment = await github.comment(issue, "/agent fix")
            await story_reaches(bot, moment)
            kill(worker)

        async with running("worker", environment):
            await ends_once(bot, github, issue, comment)
        github.hook_url = None


async def test_an_agent_that_outlives_its_worker_is_ended_by_the_next_attempt(
    github: DemoGitHub, environment: Environment, own_redis_server: EmbeddedRedis, tmp_path: Path
) -> None:
    environment["SWARMBOT_SILENCE_S"] = "3"
    issue = await github.issue("Crash on empty file")
    async with running("web", environment) as (_, address), following(own_redis_server, github, tmp_path) as bot:
        github.hook_url = f"{address}/webhook"
        async with running("worker", environment) as (worker, _):
            comment = await github.comment(issue, "/agent fix with deaf")
            await story_reaches(bot, PromptAnswered)
            kill(worker)
        assert working_below(tmp_path / "home")

        async with running("worker", environment):
            await github.next_reaction(comment)
            job = await bot.end_of_job(issue)
        github.hook_url = None
    assert (job.ending, job.attempt) == (Ending.TIMED_OUT, 2)
    assert working_below(tmp_path / "home") == []


def working_below(folder: Path) -> list[int]:
    """Return the processes whose working folder is in ``folder``."""
    found = []
    for entry in Path("/proc").iterdir():
        with suppress(OSError):
            if entry.name.isdigit() and (entry / "cwd").readlink().is_relative_to(folder):
                found.append(int(entry.name))
    return found


async def story_reaches(bot: Bot, moment: type[object]) -> None:
    """Return as soon as the first job's story holds such an event."""
    async with asyncio.timeout(30):
        async for entry in bot.store.follow(await bot.newest_job()):
            if isinstance(entry.event, moment):
                return


@pytest.mark.parametrize("command", ["up", "worker"])
async def test_nothing_starts_without_a_sandbox_unless_it_is_said_to_be_off(
    environment: Environment, command: str
) -> None:
    del environment["SWARMBOT_SANDBOX"]
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "swarmbot", command, env=environment, stderr=asyncio.subprocess.PIPE
    )

    _, said = await process.communicate()

    assert process.returncode == 2
    assert "set SWARMBOT_SANDBOX=off" in said.decode()
    assert "Traceback" not in said.decode()
