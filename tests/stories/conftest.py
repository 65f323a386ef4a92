"""The bot and GitHub, for stories in the user's words: both real, in this process, over loopback.

A story that ends with something said which it did not expect fails.
"""

from __future__ import annotations

import asyncio
import hmac
import json
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
import pytest_asyncio

from swarmbot import events
from swarmbot.core.story import Job
from swarmbot.demo.github import DemoGitHub, Issue, Pull
from swarmbot.intake.hook import Hook
from swarmbot.intake.inbox import Inbox
from swarmbot.jobs.connection import connect
from swarmbot.jobs.embedded_redis import EmbeddedRedis
from swarmbot.jobs.store import JobStore
from swarmbot.settings import Settings
from swarmbot.web.app import create_app, serve
from swarmbot.worker import work

SWARMBOT = Path(__file__).parents[2] / "swarmbot"
DEAF = """
name = "deaf"
title = "Ignores the end of its terminal"
[headless]
task = "file"
asks = true
argv = ["/bin/sh", "-c", "trap '' HUP INT TERM; printf 'Go on? [Y/n] '; read answer; exec tail -f /dev/null"]
[[rule]]
name = "go-on"
at_cursor = 'Go on\\? \\[Y/n\\]$'
keys = ["enter"]
"""
MODES = ("nothing", "hang", "crash", "question", "error")


class Bot:
    """What a story asks of the bot."""

    def __init__(self, github: DemoGitHub, store: JobStore, folder: Path) -> None:
        self.github, self.store, self.folder = github, store, folder
        self.redis = store._redis
        self.last_reply = ""
        """The final reply of the job that ended last, as a person sees it."""

    async def does(self, issue: Issue, text: str, by: str = "maintainer") -> Job:
        """Comment and return the job when everybody was told; claims what every job says."""
        comment = await self.github.comment(issue, text, by=by)
        await self.github.next_reaction(comment)
        return await self.end_of_job(issue)

    async def end_of_job(self, issue: Issue) -> Job:
        """Wait for the end of the job that has just begun; claims its status comment and its reply."""
        status = await self.github.next_comment(issue, "swarmbot:job=")
        job_id = status.body.split("swarmbot:job=")[1].split()[0]
        async with asyncio.timeout(60):
            async for _ in self.store.follow(job_id):
                pass
        job = await self.store.load(job_id)
        reply = await self.github.next_comment(issue, f"swarmbot:job={job_id} reply")
        self.last_reply = reply.body.partition("\n")[2]
        self.github.claim(status)
        return job

    async def newest_job(self) -> str:
        """Wait for a first job, and return the id of the newest one."""
        async with asyncio.timeout(30):
            while not (jobs := await self.store.newest(1)):  # noqa: ASYNC110 - Redis has no event for it
                await asyncio.sleep(0.01)
        return jobs[0]

    async def opened_pull_request(self) -> Pull:
        """Return the pull request that was just opened; claims it and its check run."""
        pull = await self.github.next_pull()
        await self.github.next_check()
        return pull

    async def deliver(self, body: bytes, headers: dict[str, str]) -> dict[str, str]:
        """Send a webhook that GitHub did not make itself; returns the hook's answer."""
        async with httpx.AsyncClient(trust_env=False) as client:
            answer = await client.post(str(self.github.hook_url), content=body, headers=headers)
        return dict(answer.json())

    async def deliver_comment_by_a_bot(self, issue: Issue, text: str) -> None:
        """Deliver a comment that some other App wrote, signed as GitHub would."""
        comment = await self.github.comment(issue, "nothing to do")
        await self.github.settled()
        sent = next(found for found in reversed(self.github.deliveries) if found.event == "issue_comment")
        payload = json.loads(sent.body)
        payload["comment"] |= {"id": comment.id + 1000, "body": text}
        payload["sender"] |= {"id": 4711, "login": "other[bot]", "type": "Bot"}
        body = json.dumps(payload).encode()
        digest = hmac.new(self.github.webhook_secret.encode(), body, "sha256").hexdigest()
        signed = {"X-GitHub-Delivery": "by-a-bot-1", "X-Hub-Signature-256": f"sha256={digest}"}
        assert await self.deliver(body, sent.headers | signed) == {"status": "accepted"}

    async def is_idle(self) -> None:
        """Wait until every webhook so far was dealt with and no job is open."""
        await self.github.settled()
        inbox = Inbox(self.store._redis)

        async def nothing_to_do() -> bool:
            return (await inbox.depth()).entries == 0 and not await self.store.open_jobs()

        async with asyncio.timeout(30):
            while not await nothing_to_do():  # noqa: ASYNC110 - the state is in Redis, which has no event for it
                await asyncio.sleep(0.01)


@pytest.fixture
def agents_dir(tmp_path: Path) -> Path:
    """The demo agent, and one agent for each of its moods, named after it."""
    folder = tmp_path / "agents"
    folder.mkdir()
    demo = (SWARMBOT / "demo/agents/demo.toml").read_text()
    quick = demo.replace('"swarmbot.demo.agent"]', '"swarmbot.demo.agent", "--pace", "0.3"]')
    (folder / "demo.toml").write_text(quick)
    for mode in MODES:
        moody = demo.replace('"swarmbot.demo.agent"]', f'"swarmbot.demo.agent", "--pace", "0.3", "--mode", "{mode}"]')
        (folder / f"{mode}.toml").write_text(moody.replace('name = "demo"', f'name = "{mode}"', 1))
    missing = demo.replace('argv = ["{python}"', 'argv = ["{program}"')
    missing = missing.replace(
        'title = "Demo agent"',
        'title = "Missing"\nprogram = {command = "a-program-that-is-not-there", install = "npm install -g missing"}',
    )
    (folder / "missing.toml").write_text(missing.replace('name = "demo"', 'name = "missing"', 1))
    (folder / "environment.toml").write_text(
        'name = "environment"\ntitle = "Prints what it got"\n[headless]\ntask = "file"\nargv = ["/usr/bin/env"]\n'
    )
    (folder / "deaf.toml").write_text(DEAF)
    return folder


@pytest.fixture
def max_sessions() -> int:
    """How many jobs run at once; a story that needs another number overrides it by ``parametrize``."""
    return 4


@pytest.fixture
def settings(github: DemoGitHub, agents_dir: Path, tmp_path: Path, max_sessions: int) -> Settings:
    key = tmp_path / "key.pem"
    key.touch(mode=0o600)
    key.write_text(github.private_key)
    return Settings(
        home=tmp_path / "home",
        app_id=github.app_id,
        private_key_file=key,
        webhook_secret=github.webhook_secret,  # type: ignore[arg-type]
        github_api_url=github.api_url,
        github_url=github.web_url,
        port=0,
        sandbox="off",
        default_agent="demo",
        agents_dir=agents_dir,
        max_sessions=max_sessions,
        silence_s=5,
        job_timeout_s=30,
    )


@asynccontextmanager
async def running_bot(
    settings: Settings, github: DemoGitHub, redis_url: str, operator: dict[str, str]
) -> AsyncIterator[Bot]:
    """Run web server and worker in this loop, and point GitHub's webhooks at them."""
    port: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    ready: Callable[[int], None] = port.set_result
    async with connect(redis_url) as redis:
        hook = Hook(Inbox(redis), settings.secrets(), frozenset(events.ALL))
        web = asyncio.create_task(serve(create_app(hook, redis), "127.0.0.1", 0, ready))
        worker = asyncio.create_task(work(settings, redis, operator, also_secret=()))
        try:
            github.hook_url = f"http://127.0.0.1:{await port}/webhook"
            yield Bot(github, JobStore(redis), settings.folder)
        finally:
            github.hook_url = None
            for task in (worker, web):
                task.cancel()
            await asyncio.gather(worker, web, return_exceptions=True)


@pytest_asyncio.fixture
async def bot(settings: Settings, github: DemoGitHub, own_redis_server: EmbeddedRedis) -> AsyncIterator[Bot]:
    operator = {
        "PATH": os.environ["PATH"],
        "SWARMBOT_SHELL_COMMAND": f"sh '{SWARMBOT / 'demo/fix.sh'}'",
        "OPERATORS_OWN_KEY": "a value that no agent may see",
    }
    async with running_bot(settings, github, own_redis_server.url, operator) as bot:
        yield bot
        await bot.is_idle()
    github.assert_nothing_unexpected()
