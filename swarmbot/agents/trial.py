"""Gives an agent a small task in a repository of its own, with the operator's key, and says what came of it."""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from swarmbot.agents import drive, home
from swarmbot.agents.roll import Tried
from swarmbot.core.agent_launch import Wish
from swarmbot.core.agent_spec import AgentSpec, AgentSpecError, Autonomy
from swarmbot.core.endings import advice
from swarmbot.core.session_model import Limits, Outcome
from swarmbot.terminal.pty import TerminalError
from swarmbot.terminal.recording import Recorder
from swarmbot.workspace.errors import WorkspaceError
from swarmbot.workspace.git import git

TASK = "Reply with the single word: ready"
"""Needs no tool, so that what is tried is the program, its key and its model."""

LIMITS = Limits(silence_s=120.0, total_s=300.0)
_LAST_ROWS = 12
_README = "# Nothing to do here\n\nThis repository is only there to try an agent.\n"
_ME = {f"GIT_{who}_{what}": "swarmbot" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}


async def attempt(
    spec: AgentSpec,
    operator: Mapping[str, str],
    programs: Path | None,
    *,
    autonomy: Autonomy,
    redact: Callable[[str], str],
    limits: Limits = LIMITS,
) -> Tried:
    """Run the task in the agent's first mode. Nothing is left of it. ``redact`` is applied to all texts."""
    with tempfile.TemporaryDirectory(prefix="swarmbot-", ignore_cleanup_errors=True) as folder:
        seat = drive.Seat(Path(folder), Path(folder) / "tree", operator, programs)
        began = time.monotonic()
        try:
            await _make_tree(seat.tree)
            outcome = await _run(spec, seat, autonomy, limits)
        except (TerminalError, AgentSpecError, WorkspaceError, OSError) as error:
            return Tried(ok=False, ended="not_started", seconds=_since(began), cause=redact(str(error)))
        seconds = _since(began)
        tokens = await asyncio.to_thread(home.used, spec, seat.home)
    if outcome.kind == "done" and not outcome.summary and _tells_what_it_says(spec):
        # As after an error of its model that its file does not know.
        return Tried(
            ok=False,
            ended="no_answer",
            seconds=seconds,
            cause="The agent ended its turn without a word.",
            advice=f"Look at it by hand: `swarmbot record --agent {spec.name}`.",
            tokens=tokens,
            rows=_last_rows(outcome, redact),
        )
    if outcome.kind == "done":
        return Tried(ok=True, ended="done", seconds=seconds, said=redact(outcome.summary), tokens=tokens)
    return Tried(
        ok=False,
        ended=outcome.kind,
        seconds=seconds,
        cause=redact(outcome.cause),
        advice=advice(outcome.kind, spec),
        tokens=tokens,
        rows=_last_rows(outcome, redact),
    )


async def _run(spec: AgentSpec, seat: drive.Seat, autonomy: Autonomy, limits: Limits) -> Outcome:
    wish = Wish(task=TASK, mode=spec.modes[0], autonomy=autonomy)
    with Recorder(seat.folder / "trial.cast", cols=drive.COLS, rows=drive.ROWS, title=spec.name) as recorder:
        async with drive.start(spec, wish, seat, recorder, limits=limits, on_event=lambda _: None) as agent:
            return await agent.run()


def _tells_what_it_says(spec: AgentSpec) -> bool:
    return spec.modes[0] == "interactive" and bool(spec.signals.says or (spec.screen and spec.screen.says))


def _last_rows(outcome: Outcome, redact: Callable[[str], str]) -> tuple[str, ...]:
    return tuple(redact(row) for row in outcome.rows if row.strip())[-_LAST_ROWS:]


async def _make_tree(tree: Path) -> None:
    """Make a git repository with one commit. Raises :class:`WorkspaceError` and :class:`OSError`."""
    await asyncio.to_thread(tree.mkdir)
    await asyncio.to_thread((tree / "README.md").write_text, _README, "utf-8")
    await git("init", "--quiet", cwd=tree)
    await git("add", "README.md", cwd=tree)
    await git("commit", "--quiet", "--message", "Begin", cwd=tree, env=_ME)


def _since(began: float) -> float:
    return round(time.monotonic() - began, 2)
