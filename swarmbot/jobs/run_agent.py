"""Runs the agent of a job in a terminal, from its start to its last output."""

from __future__ import annotations

import asyncio
import hashlib
from pathlib import Path

from swarmbot.agents import drive, home
from swarmbot.core import brief
from swarmbot.core.agent_launch import Wish
from swarmbot.core.agent_spec import AgentSpec, AgentSpecError
from swarmbot.core.endings import advice, is_late
from swarmbot.core.model import Ending, JobSpec
from swarmbot.core.session_model import Event, Outcome
from swarmbot.core.story import AgentFinished, AgentStarted, AgentUsed, Job, PromptAnswered, State
from swarmbot.core.usage import Tokens
from swarmbot.jobs.book import Book, JobFailed
from swarmbot.jobs.tools import Tools
from swarmbot.terminal.processes import end_marked
from swarmbot.terminal.pty import ProgramNotFound, SpawnFailed
from swarmbot.terminal.recording import Recorder, RecordingError


async def run_agent(book: Book, tools: Tools, tree: Path) -> None:
    """Let the job's agent work in ``tree``; its prompts, its usage and its end are written to the story.

    Raises :class:`JobFailed` when it did not finish by itself.
    """
    spec = tools.agents.get(book.job.spec.agent)
    if spec is None:
        raise JobFailed("agent_missing", f"This server has no agent {book.job.spec.agent} any more.", "/agent help")
    seat = drive.Seat(tools.job_folder(book.job.spec), tree, tools.operator, tools.programs)
    try:
        outcome = await _drive(book, tools, spec, seat)
    finally:
        used = await asyncio.to_thread(home.used, spec, seat.home)
        if used != Tokens() and book.job.state is State.RUNNING:
            await book.write(AgentUsed(used))
    if outcome.kind != "done":
        raise JobFailed(
            f"agent_{outcome.kind}",
            f"The agent asked what no rule may answer: {outcome.cause}" if outcome.kind == "asked" else outcome.cause,
            advice(outcome.kind, spec),
            ending=Ending.TIMED_OUT if is_late(outcome.kind) else Ending.FAILED,
            lines=tuple(row for row in outcome.rows if row.strip()),
        )
    await book.write(AgentFinished(summary=outcome.summary, session=outcome.session))


async def _drive(book: Book, tools: Tools, spec: AgentSpec, seat: drive.Seat) -> Outcome:
    job = book.job
    recording = tools.recording(job.spec, job.attempt)
    recording.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    unread = [name for name in home.instructions(seat.tree) if name not in spec.memory_files]
    unread = [] if spec.start(job.mode).memory else unread
    task = brief.write(job.spec, unread)
    wish = Wish(task=task, mode=job.mode, autonomy=job.autonomy, model=job.spec.model)
    version = await tools.versions.of(spec)
    events: asyncio.Queue[Event | None] = asyncio.Queue()
    try:
        # Before the program: it must not run where it cannot be recorded.
        title = f"{spec.name} {job.spec.id}"
        with Recorder(recording, cols=drive.COLS, rows=drive.ROWS, title=title, redact=tools.redact) as recorder:
            mark = _mark(tools, job.spec, job.attempt)
            started = drive.start(
                spec, wish, seat, recorder, limits=tools.limits, on_event=events.put_nowait, mark=mark
            )
            async with started as agent:
                await book.write(AgentStarted(argv0=agent.argv0, recording=recording.name, version=version))
                return await _run(book, agent, events)
    except (ProgramNotFound, SpawnFailed, AgentSpecError, RecordingError) as error:
        raise JobFailed("agent_not_started", str(error), "The operator has to mend that.") from error


async def _run(book: Book, agent: drive.RunningAgent, events: asyncio.Queue[Event | None]) -> Outcome:
    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(_tell(book, events))
            try:
                return await agent.run()
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
