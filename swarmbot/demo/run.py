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
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import get_args

from swarmbot import agents
from swarmbot.agents import programs
from swarmbot.core.agent_spec import Mode
from swarmbot.core.repo_config import PATH as CONFIG
from swarmbot.core.story import AgentFinished, AgentStarted, AttemptBegun, Entry, Job, PullOpened, apply, fold
from swarmbot.demo import show
from swarmbot.demo.bot import AGENTS, DemoFailed, model_variables, running_bot
from swarmbot.demo.github import DemoGitHub
from swarmbot.demo.github.repository import ISSUE_BODY, ISSUE_TITLE
from swarmbot.demo.github.state import Comment, Issue, Pull
from swarmbot.demo.model import DemoModel, fix
from swarmbot.demo.result import CALLS_AT_MOST, Calls, Pulled, Result, Said, Seconds, Tests
from swarmbot.jobs.store import JobStore
from swarmbot.settings import Settings

SCENARIOS = ("fix", "label")
STORY_S = 180.0
"""How long a story may take to be told."""

PROMPTS = {"demo": 2, "shell": 2}
"""How many prompts these agents show whatever they do; others are set up so that they need not ask."""


def problem(agent: str, mode: str) -> str:
    """Return why the demo cannot run that agent so, and what to do; empty where it can."""
    specs = agents.load(AGENTS)
    if agent not in specs:
        return f"The demo has no agent {agent!r}; it has: {', '.join(sorted(specs))}"
    if mode not in get_args(Mode):
        return f"There is no mode {mode!r}; there are: {', '.join(get_args(Mode))}"
    settings = Settings()
    spec = specs[agent]
    if spec.program and programs.find(spec, os.environ, settings.programs_folder) is None:
        return f"{spec.title} is not installed. Install it with `make agents`, or with `{spec.program.install}`."
    return ""


def main(scenario: str, agent: str, mode: Mode, *, keep: bool, as_json: bool) -> int:
    """Run one scenario, print it, and return the exit code: 0 only if everything that it shows held."""
    if shutil.which("git") is None:
        print("swarmbot demo: git is not installed, or not on the PATH.", file=sys.stderr)
        return 2
    folder = Path(tempfile.mkdtemp(prefix="swarmbot-demo-"))
    printer = show.Silent() if as_json else show.Printer()
    try:
        result = asyncio.run(_demo(scenario, agent, mode, folder, printer))
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


async def _demo(scenario: str, agent: str, mode: Mode, folder: Path, printer: show.Printer) -> Result:
    task = asyncio.current_task()
    for number in (signal.SIGTERM, signal.SIGHUP):
        # As Ctrl-C does: the bot and its Redis must not outlive the demo.
        asyncio.get_running_loop().add_signal_handler(number, task.cancel if task else sys.exit)
    printer.begin(scenario, agent)
    async with (
        DemoGitHub(folder / "github", webhook_secret=secrets.token_hex(16)) as github,
        DemoModel(fix()) as model,
    ):
        tests_before, _ = await asyncio.to_thread(github.run_tests, "main")
        if mode != "interactive":
            await asyncio.to_thread(github.commit_file, "main", CONFIG, f"mode: {mode}\n")
        async with running_bot(github, agent, folder, model_variables(model.url)) as store:
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
            left = await asyncio.to_thread(_left_behind, folder)
            told = _Told(github, issue, asked, pull, job, entries, began, left)
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
        left: list[str],
    ) -> None:
        self.left = left
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
        f"{PROMPTS.get(agent, 0)} prompts or more answered by rule": len(answered) >= PROMPTS.get(agent, 0),
        "eyes on what asked for it": any(r.content == "eyes" for r in github.reactions(told.asked or told.issue)),
        "one status comment and one reply that mentions the requester": _is_told(told),
        f"{CALLS_AT_MOST} fixed calls to GitHub or fewer": calls.fixed <= CALLS_AT_MOST,
        "no process of the agent left": not told.left,
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


def _left_behind(folder: Path) -> list[str]:
    """Return the processes whose home lies in the demo's folder: what an agent's program left when its job ended."""
    home = f"HOME={folder.resolve()}/bot/jobs/".encode()
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if any(variable.startswith(home) for variable in (process / "environ").read_bytes().split(b"\0")):
                found.append((process / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip())
    return found


def _job_of(github: DemoGitHub, issue: Issue) -> str:
    for comment in github.comments(issue):
        if comment.author.type == "Bot" and (found := re.search(r"swarmbot:job=(\w+)", comment.body)):
            return found[1]
    return ""
