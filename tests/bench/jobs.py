"""How long a job takes beside its agent, the repository known and the worker idle, and what it asks of GitHub."""

from __future__ import annotations

import asyncio
import statistics
from datetime import datetime
from pathlib import Path

from redis.asyncio import Redis

from swarmbot.core.story import AgentFinished, AgentStarted, Entry, PullOpened
from swarmbot.demo.github import DemoGitHub
from swarmbot.demo.run import _job_of
from swarmbot.github.writer import BURST, EVERY_S
from swarmbot.jobs.embedded_redis import socket_path
from swarmbot.jobs.store import JobStore
from swarmbot.terminal.recording import read_cast
from tests.bench import bot
from tests.bench.environment import bot_environment
from tests.bench.figures import note, run, say

JOBS = 10
REST_S = BURST * EVERY_S
"""After each job: the worker may write to GitHub as freely as one that was idle."""

AGENT = "date +%s.%N; echo one more >>notes.txt"
"""Its first words are the moment at which it says them."""


async def main(folder: Path, wanted: frozenset[str]) -> None:
    starts, publishing, calls = [], [], []
    async with DemoGitHub(folder / "github") as github:
        environment = bot_environment(github, folder, SWARMBOT_SHELL_COMMAND=AGENT)
        redis_folder = (folder / "bot" / "redis").resolve()
        async with bot.up(environment) as running, Redis(unix_socket_path=str(socket_path(redis_folder))) as redis:
            github.hook_url = f"{running.address}/webhook"
            for number in range(1 + JOBS):
                asked, entries, asks = await _job(github, JobStore(redis), number)
                if number:  # the first one makes the mirror
                    starts.append(_first_byte(entries, folder / "bot" / "recordings") - asked)
                    publishing.append(_at(entries, PullOpened) - _at(entries, AgentFinished))
                    calls.append(asks)
                await asyncio.sleep(REST_S)
            github.hook_url = None
    for name, figures, unit in (
        ("webhook_to_agent_ms", [found * 1000 for found in starts], "ms"),
        ("agent_to_pull_request_ms", [found * 1000 for found in publishing], "ms"),
        ("api_calls_per_job", [float(found) for found in calls], "calls"),
    ):
        if name in wanted:
            note(f"{name}: {', '.join(f'{found:.0f}' for found in sorted(figures))}")
            say(name, max(figures) if unit == "calls" else statistics.median(figures), unit)


async def _job(github: DemoGitHub, store: JobStore, number: int) -> tuple[float, list[Entry], int]:
    """Let one job run to its end; return when its webhook was sent, its story, and its fixed calls to GitHub."""
    before = len(github.calls)
    issue = await github.issue(f"One more line, {number}")
    await github.settled()
    comment = await github.comment(issue, "/agent fix")
    await github.settled()
    sent = github.deliveries[-1]
    job_id = await github.wait_for(lambda: _job_of(github, issue))
    async with asyncio.timeout(30):
        entries = [entry async for entry in store.follow(job_id)]
    kinds = [call.kind for call in github.calls[before:]]
    if not github.reactions(comment) or not github.pulls() or github.pulls()[-1].closes(issue) is False:
        raise RuntimeError(f"job {job_id} did not end with a pull request: {[entry.event for entry in entries][-3:]}")
    return _unix(sent.delivered_at), entries, kinds.count("api") + min(kinds.count("edit"), 1)


def _first_byte(entries: list[Entry], recordings: Path) -> float:
    """Return when the agent said its first word and somebody listened, in unix seconds."""
    started = next(entry for entry in entries if isinstance(entry.event, AgentStarted))
    if not isinstance(started.event, AgentStarted):
        raise TypeError(started.event)
    _, events = read_cast(recordings / started.event.recording)
    said = float(next(event.data for event in events if event.kind == "o").split()[0])
    return max(said, started.at)


def _at(entries: list[Entry], kind: type[AgentFinished] | type[PullOpened]) -> float:
    return next(entry.at for entry in entries if isinstance(entry.event, kind))


def _unix(moment: datetime) -> float:
    return moment.timestamp()


if __name__ == "__main__":
    run(main, seconds=110)
