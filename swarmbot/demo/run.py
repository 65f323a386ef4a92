"""``swarmbot demo``: the whole way from a comment to a pull request, on this machine alone.

A small GitHub on loopback sends a real webhook to the real bot (``swarmbot up``, in a process of its own), which clones
over HTTP, runs an agent in a terminal, pushes and opens a pull request. What it said and made is then looked at.
"""

from __future__ import annotations

import asyncio
import os
import re
import secrets
import shutil
import signal
import socket
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import httpx
from redis.asyncio import Redis

from swarmbot.core.story import AgentFinished, AgentStarted, AttemptBegun, Entry, Job, PullOpened, apply, fold
from swarmbot.demo import show
from swarmbot.demo.github import DemoGitHub
from swarmbot.demo.github.repository import ISSUE_BODY, ISSUE_TITLE
from swarmbot.demo.github.state import Comment, Issue, Pull
from swarmbot.demo.result import CALLS_AT_MOST, Calls, Pulled, Result, Said, Seconds, Tests
from swarmbot.jobs.embedded_redis import socket_path
from swarmbot.jobs.store import JobStore

SCENARIOS = ("fix", "label")
AGENTS = ("demo", "shell")
START_S, STORY_S = 20.0, 90.0
"""How long the bot may take to start, and a story to be told."""

_HERE = Path(__file__).parent


class DemoFailed(Exception):
    """The demo could not be shown; the text says at what point and why."""


def main(scenario: str, agent: str, *, keep: bool, as_json: bool) -> int:
    """Run one scenario, print it, and return the exit code: 0 only if everything that it shows held."""
    if shutil.which("git") is None:
        print("swarmbot demo: git is not installed, or not on the PATH.", file=sys.stderr)
        return 2
    folder = Path(tempfile.mkdtemp(prefix="swarmbot-demo-"))
    printer = show.Silent() if as_json else show.Printer()
    try:
        result = asyncio.run(_demo(scenario, agent, folder, printer))
    except (KeyboardInterrupt, asyncio.CancelledError):
        print("swarmbot demo: stopped", file=sys.stderr)
        return 130
    except (DemoFailed, AssertionError) as error:
        printer.failed(str(error), folder / "bot.log")
        if as_json:
            print(f"swarmbot demo: {error}", file=sys.stderr)
        keep = True
        return 1
    else:
        show.as_json(result) if as_json else printer.story(result)
        return 0 if result.ok else 1
    finally:
        if keep:
            print(f"Everything is kept in {folder}", file=sys.stderr)
        else:
            shutil.rmtree(folder, ignore_errors=True)


async def _demo(scenario: str, agent: str, folder: Path, printer: show.Printer) -> Result:
    task = asyncio.current_task()
    for number in (signal.SIGTERM, signal.SIGHUP):
        # As Ctrl-C does: the bot and its Redis must not outlive the demo.
        asyncio.get_running_loop().add_signal_handler(number, task.cancel if task else sys.exit)
    printer.begin(scenario, agent)
    async with DemoGitHub(folder / "github", webhook_secret=secrets.token_hex(16)) as github:
        tests_before, _ = await asyncio.to_thread(github.run_tests, "main")
        async with _bot(github, agent, folder) as store:
            printer.step("GitHub (a small one, on loopback), Redis and the bot are running")
            issue = await github.issue(ISSUE_TITLE, ISSUE_BODY)
            began = time.time()
            asked: Comment | None = None
            if scenario == "label":
                await github.label(issue, "agent")
                printer.step(f"maintainer puts the label “agent” on #{issue.number} “{issue.title}”")
            else:
                asked = await github.comment(issue, "/agent fix")
                printer.step(f"maintainer writes “/agent fix” on #{issue.number} “{issue.title}”")
            job, entries = await _follow(github, store, issue, printer)
            pull = github.pulls()[0] if github.pulls() else None
            passed, _ = await asyncio.to_thread(github.run_tests, pull.head_ref) if pull else (False, "")
            await github.settled()
            told = _Told(github, issue, asked, pull, job, entries, began)
            return _result(told, agent, Tests(before=tests_before, after=passed))


class _Told:
    """What there is to look at when the story is over."""

    def __init__(
        self,
        github: DemoGitHub,
        issue: Issue,
        asked: Comment | None,
        pull: Pull | None,
        job: Job,
        entries: list[Entry],
        began: float,
    ) -> None:
        self.github, self.issue, self.asked, self.pull = github, issue, asked, pull
        self.job, self.entries, self.began = job, entries, began
        self.app = [comment for comment in github.comments(issue) if comment.author.type == "Bot"]


def _result(told: _Told, agent: str, tests: Tests) -> Result:
    github, pull = told.github, told.pull
    _claim(told)
    kinds = [call.kind for call in github.calls]
    edits = kinds.count("edit")
    calls = Calls(fixed=kinds.count("api") + min(edits, 1), token=kinds.count("token"), edits=max(0, edits - 1))
    conclusion = pull.check("swarmbot") if pull else None
    answered = tuple(answer.rule for answer in told.job.answered)
    wrong = [*github.unclaimed(), *github.complaints()]
    holds = {
        "a pull request that closes the issue": pull is not None and pull.closes(told.issue),
        "a check run that says success": conclusion == "success",
        "a test that failed before and passes now": not tests.before and tests.after,
        "two prompts or more answered by rule": len(answered) >= 2,
        "eyes on what asked for it": any(r.content == "eyes" for r in github.reactions(told.asked or told.issue)),
        "one status comment and one reply that mentions the requester": _is_told(told),
        f"{CALLS_AT_MOST} fixed calls to GitHub or fewer": calls.fixed <= CALLS_AT_MOST,
        "nothing else said, nothing odd asked for": not wrong,
    }
    return Result(
        ok=all(holds.values()),
        agent=agent,
        pull_request=_pulled(github, pull, tests) if pull else None,
        check={"conclusion": conclusion},
        comments=tuple(Said(comment.author.login, comment.body) for comment in github.comments(told.issue)),
        answered=answered,
        seconds=_seconds(told),
        api_calls=calls,
        failed=tuple(name for name, held in holds.items() if not held) + tuple(wrong),
    )


def _claim(told: _Told) -> None:
    """Claim what the story expects: two comments, the reaction, the pull request and its check run."""
    github = told.github
    for comment in told.app[:2]:
        github.claim(comment)
    for reaction in github.reactions(told.asked or told.issue)[:1]:
        github.claim(reaction)
    if told.pull:
        github.claim(told.pull)
        for run in github.check_runs(told.pull.head_sha)[:1]:
            github.claim(run)


def _is_told(told: _Told) -> bool:
    replies = [comment for comment in told.app if "@maintainer" in comment.body]
    return len(told.app) == 2 and len(replies) == 1


def _pulled(github: DemoGitHub, pull: Pull, tests: Tests) -> Pulled:
    return Pulled(
        number=pull.number,
        title=pull.title,
        body=pull.body or "",
        head=pull.head_ref,
        base=pull.base_ref,
        sha=pull.head_sha,
        diff=github.diff(pull),
        tests=tests,
    )


def _seconds(told: _Told) -> Seconds:
    at = {type(entry.event): entry.at for entry in told.entries}
    queued = told.entries[0].at
    asked_by = "issue_comment" if told.asked else "issues"
    deliveries = [sent for sent in told.github.deliveries if sent.event == asked_by and sent.action != "opened"]
    opened = told.job.moments.get("publishing", told.job.at) if told.pull is None else _opened(told.entries)
    return Seconds(
        ack=round(deliveries[0].duration, 4),
        queue=round(at[AttemptBegun] - queued, 3),
        prepare=round(at.get(AgentStarted, at[AttemptBegun]) - at[AttemptBegun], 3),
        agent=round(at.get(AgentFinished, told.job.at) - at.get(AgentStarted, told.job.at), 3),
        publish=round(opened - at.get(AgentFinished, opened), 3),
        total=round(told.job.at - told.began, 3),
    )


def _opened(entries: list[Entry]) -> float:
    return next(entry.at for entry in entries if isinstance(entry.event, PullOpened))


async def _follow(github: DemoGitHub, store: JobStore, issue: Issue, printer: show.Printer) -> tuple[Job, list[Entry]]:
    """Tell the job's story as it happens; return when everybody was told."""
    job_id = await github.wait_for(lambda: _job_of(github, issue), timeout=STORY_S)
    entries: list[Entry] = []
    job: Job | None = None
    try:
        async with asyncio.timeout(STORY_S):
            async for entry in store.follow(job_id):
                entries.append(entry)
                job = fold([entry]) if job is None else apply(job, entry)
                printer.event(entry, job)
    except TimeoutError:
        raise DemoFailed(f"the job {job_id} was not settled after {STORY_S:.0f} s") from None
    if job is None:
        raise DemoFailed("the job has no story")
    return job, entries


def _job_of(github: DemoGitHub, issue: Issue) -> str:
    for comment in github.comments(issue):
        if comment.author.type == "Bot" and (found := re.search(r"swarmbot:job=(\w+)", comment.body)):
            return found[1]
    return ""


@asynccontextmanager
async def _bot(github: DemoGitHub, agent: str, folder: Path) -> AsyncIterator[JobStore]:
    """Run ``swarmbot up`` for the body, in a process of its own, with the demo GitHub's App."""
    port = _free_port()
    environment = _environment(github, agent, folder, port)
    with (folder / "bot.log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "swarmbot", "up", env=environment, stdout=log, stderr=log, start_new_session=True
        )
    try:
        await _wait_until_ready(process, f"http://127.0.0.1:{port}/readyz", folder / "bot.log")
        github.hook_url = f"http://127.0.0.1:{port}/webhook"
        redis: Redis = Redis(unix_socket_path=str(socket_path((folder / "bot" / "redis").resolve())))
        async with redis:
            yield JobStore(redis)
    finally:
        with suppress(ProcessLookupError):
            process.send_signal(signal.SIGTERM)
        try:
            await asyncio.wait_for(process.wait(), 10)
        except TimeoutError:
            process.kill()
            await process.wait()


def _environment(github: DemoGitHub, agent: str, folder: Path, port: int) -> dict[str, str]:
    key, hook_secret = folder / "app.pem", folder / "webhook-secret"
    for path, text in ((key, github.private_key), (hook_secret, github.webhook_secret)):
        path.touch(mode=0o600)
        path.write_text(text)
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR", "XDG_RUNTIME_DIR") if name in os.environ}
    return kept | {
        "LANG": "C.UTF-8",
        "SWARMBOT_HOME": str(folder / "bot"),
        "SWARMBOT_APP_ID": str(github.app_id),
        "SWARMBOT_PRIVATE_KEY_FILE": str(key),
        "SWARMBOT_WEBHOOK_SECRET_FILE": str(hook_secret),
        "SWARMBOT_GITHUB_API_URL": github.api_url,
        "SWARMBOT_GITHUB_URL": github.web_url,
        "SWARMBOT_PORT": str(port),
        "SWARMBOT_DEFAULT_AGENT": agent,
        "SWARMBOT_AGENTS_DIR": str(_HERE / "agents"),
        "SWARMBOT_SHELL_COMMAND": f"sh '{_HERE / 'fix.sh'}'",
        "SWARMBOT_SANDBOX": "off",
    }


async def _wait_until_ready(process: asyncio.subprocess.Process, url: str, log: Path) -> None:
    deadline = time.monotonic() + START_S
    async with httpx.AsyncClient(timeout=2, trust_env=False) as client:
        while time.monotonic() < deadline and process.returncode is None:
            with suppress(httpx.HTTPError):
                if (await client.get(url)).status_code == 200:
                    return
            await asyncio.sleep(0.02)
    tail = (await asyncio.to_thread(log.read_text, errors="replace"))[-2000:]
    raise DemoFailed(f"the bot did not start:\n{tail}")


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])
