"""Runs the agent of a job in a terminal, from its start to its last output."""

from __future__ import annotations

import asyncio
import hashlib
import sys
import time
from pathlib import Path

from swarmbot.core import brief
from swarmbot.core.agent_spec import AgentSpec, AgentSpecError
from swarmbot.core.model import Ending, JobSpec
from swarmbot.core.session import Event, Outcome, Session
from swarmbot.core.story import AgentFinished, AgentStarted, Job, PromptAnswered
from swarmbot.jobs.book import Book, JobFailed
from swarmbot.jobs.tools import Tools
from swarmbot.terminal.processes import end_marked
from swarmbot.terminal.pty import ProgramNotFound, Pty, SpawnFailed, spawn
from swarmbot.terminal.pump import TerminalSession
from swarmbot.terminal.recording import Recorder, RecordingError

COLS, ROWS = 120, 40
TASK_FILE = "SWARMBOT_TASK_FILE"
_PASSED_ON = ("PATH", "LANG", "LC_ALL", "TZ")

_ADVICE = {
    "asked": "Answer it in the issue's text or in the command, and write `/agent fix` again.",
    "silent": "Write `/agent fix` to try again, or choose another agent: `/agent fix with AGENT`.",
    "timed_out": "Split the task, or ask the operator for a longer SWARMBOT_JOB_TIMEOUT_S.",
    "not_submitted": "Write `/agent fix` to try again. If it happens again, the agent's version may be a new one.",
    "left_early": "Write `/agent fix` to try again. If it happens again, the operator should run the agent by hand.",
    "exit_code": "The last lines say why. Write `/agent fix` to try again.",
    "killed": "Write `/agent fix` to try again. If it happens again, the machine may be short of memory.",
}


async def run_agent(book: Book, tools: Tools, tree: Path) -> None:
    """Let the job's agent work in ``tree``; its prompts and its end are written to the story.

    Raises :class:`JobFailed` when it did not finish by itself.
    """
    spec = tools.agents.get(book.job.spec.agent)
    if spec is None:
        raise JobFailed("agent_missing", f"This server has no agent {book.job.spec.agent} any more.", "/agent help")
    task = brief.write(book.job.spec)
    outcome = await _drive(book, tools, spec, task, tree)
    if outcome.kind != "done":
        late = outcome.kind in ("silent", "timed_out")
        raise JobFailed(
            f"agent_{outcome.kind}",
            f"The agent asked what no rule may answer: {outcome.cause}" if outcome.kind == "asked" else outcome.cause,
            _ADVICE[outcome.kind],
            ending=Ending.TIMED_OUT if late else Ending.FAILED,
            lines=tuple(row for row in outcome.rows if row.strip()),
        )
    await book.write(AgentFinished(summary=outcome.summary))


async def _drive(book: Book, tools: Tools, spec: AgentSpec, task: str, tree: Path) -> Outcome:
    job = book.job
    folder = tools.job_folder(job.spec)
    task_file = folder / "task.md"
    recording = tools.recording(job.spec, job.attempt)
    await asyncio.to_thread(_lay_out, task_file, task, recording.parent)
    try:
        argv = spec.command(python=sys.executable, task_file=str(task_file), operator=dict(tools.operator))
        title = f"{spec.name} {job.spec.id}"
        # Before the program: it must not run where it cannot be recorded.
        with Recorder(recording, cols=COLS, rows=ROWS, title=title, redact=tools.redact) as recorder:
            environment = _environment(spec, tools, folder, task_file)
            mark = _mark(tools, job.spec, job.attempt)
            async with await spawn(argv, cwd=tree, env=environment, cols=COLS, rows=ROWS, mark=mark) as pty:
                await book.write(AgentStarted(argv0=argv[0], recording=recording.name))
                session = Session(spec, task, tools.limits, at=time.monotonic())
                await _run(book, pty, session, recorder)
    except (ProgramNotFound, SpawnFailed, AgentSpecError, RecordingError) as error:
        raise JobFailed("agent_not_started", str(error), "The operator has to mend that.") from error
    if session.outcome is None:
        raise RuntimeError("the program has ended and its session has not")
    return session.outcome


async def _run(book: Book, pty: Pty, session: Session, recorder: Recorder) -> None:
    events: asyncio.Queue[Event | None] = asyncio.Queue()
    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(_tell(book, events))
            try:
                await TerminalSession(pty, session, recorder, events.put_nowait).run()
            finally:
                events.put_nowait(None)
    except ExceptionGroup as group_of_errors:
        # One of the two failed and the other was cancelled for it: the one error is what callers know by name.
        raise group_of_errors.exceptions[0] from None


async def end_earlier_attempts(job: Job, tools: Tools) -> None:
    """End what earlier attempts of a job left running on this machine when their worker was killed."""
    for attempt in range(1, job.attempt):
        await end_marked(_mark(tools, job.spec, attempt))


def _mark(tools: Tools, spec: JobSpec, attempt: int) -> str:
    """Return what marks an attempt's processes. The folder is in it: two bots on one machine may have equal job ids."""
    folder = hashlib.sha256(bytes(tools.folder)).hexdigest()[:12]
    return f"{folder}-{spec.id}-{attempt}"


async def _tell(book: Book, events: asyncio.Queue[Event | None]) -> None:
    while event := await events.get():
        if event.event == "prompt":
            await book.write(PromptAnswered(event.rule, event.keys))


def _lay_out(task_file: Path, task: str, recordings: Path) -> None:
    for folder in (task_file.parent / "home", task_file.parent / "tmp", recordings):
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    task_file.write_text(task, encoding="utf-8")


def _environment(spec: AgentSpec, tools: Tools, folder: Path, task_file: Path) -> dict[str, str]:
    """Build the program's whole environment: nothing of the worker's own is inherited."""
    passed = {name: tools.operator[name] for name in (*_PASSED_ON, *spec.pass_environment) if name in tools.operator}
    own = {"HOME": str(folder / "home"), "TMPDIR": str(folder / "tmp"), TASK_FILE: str(task_file)}
    return {"LANG": "C.UTF-8", **passed, **spec.environment, **own}
