"""The demo agent in a real terminal, driven by the session machine and its own agent file, and by single keys."""

from __future__ import annotations

import asyncio
import os
import runpy
import sys
import time
from importlib import resources
from pathlib import Path

import pytest

from swarmbot.core.agent_file import parse
from swarmbot.core.agent_spec import AgentSpec
from swarmbot.core.screen import Screen
from swarmbot.core.session import Session
from swarmbot.core.session_model import Action, Event, Limits, Paste, Press
from swarmbot.terminal.processes import process
from swarmbot.terminal.pty import ExitStatus, spawn
from swarmbot.terminal.pump import SessionMachine, TerminalSession
from swarmbot.terminal.recording import Recorder, read_cast

BOUND_S = 30.0
FAULTY = '''\
"""Statistics of texts."""


def average_length(text: str) -> float:
    """Return the average length of the words of a text."""
    words = text.split()
    return sum(len(word) for word in words) / len(words)
'''
TASK = "Fix the crash on an empty file.\n\n1. Look at wordcount/stats.py\n2. Mend it\n"


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    package = tmp_path / "repo" / "wordcount"
    package.mkdir(parents=True)
    (package / "stats.py").write_text(FAULTY)
    return tmp_path / "repo"


def stats(repo: Path) -> str:
    return (repo / "wordcount" / "stats.py").read_text()


def demo_spec() -> AgentSpec:
    return parse(resources.files("swarmbot.demo.agents").joinpath("demo.toml").read_text(), source="demo.toml")


class Driven:
    """What came of one run of the agent."""

    def __init__(self, status: ExitStatus, reports: list[Event], cast: Path) -> None:
        self.status, self.reports = status, reports
        self.output = "".join(event.data for event in read_cast(cast)[1] if event.kind == "o")

    def told(self) -> list[str]:
        return [event.rule or event.event for event in self.reports]


async def drive(repo: Path, machine: SessionMachine, *arguments: str) -> Driven:
    command = [sys.executable, "-m", "swarmbot.demo.agent", "--pace", "0.3", *arguments]
    environment = {"PATH": os.defpath, "PYTHONPATH": os.pathsep.join(sys.path)}
    reports: list[Event] = []
    cast = repo.parent / "session.cast"
    pty = await spawn(command, cwd=repo, env=environment)
    with Recorder(cast, cols=pty.cols, rows=pty.rows) as recorder:
        async with asyncio.timeout(BOUND_S):
            status = await TerminalSession(pty, machine, recorder, reports.append).run()
    return Driven(status, reports, cast)


async def by_rule(repo: Path, *arguments: str, silence_s: float = 20.0) -> tuple[Session, Driven]:
    session = Session(demo_spec(), TASK, Limits(silence_s=silence_s), at=time.monotonic())
    return session, await drive(repo, session, *arguments)


Step = tuple[str, list[Action]]


class Keys:
    """A machine that presses keys when a text stands on the screen, one step after the other."""

    wake_at: float | None = None

    def __init__(self, *steps: Step) -> None:
        self.steps = list(steps)
        self.rows: list[tuple[str, ...]] = []

    def on_screen(self, screen: Screen, at: float) -> list[Action]:
        self.rows.append(screen.rows)
        return self.steps.pop(0)[1] if self.steps and self._stands(self.steps[0][0], screen) else []

    def on_tick(self, at: float) -> list[Action]:
        raise AssertionError("never asked for")

    def on_exit(self, code: int | None, signal: int | None, screen: Screen, at: float) -> list[Action]:
        self.rows.append(screen.rows)
        return []

    @staticmethod
    def _stands(text: str, screen: Screen) -> bool:
        return any(text in row for row in screen.rows)


LEAVING: list[Step] = [("Worked for", [Press(tuple("/exit"))]), ("❯ /exit", [Press(("enter",))])]


async def test_from_trust_to_leave_by_rule_and_the_edit_mends_the_fault(repo: Path) -> None:
    session, done = await by_rule(repo)
    assert done.status == ExitStatus(0)
    told = [what for what in done.told() if what != "busy"]  # at this pace it may be too short to be believed
    assert told == ["trust-folder", "ready", "edit-file", "done", "exit"]
    assert session.outcome is not None
    assert session.outcome.kind == "done"
    assert "● Fixed average_length for empty input; added a guard to wordcount/stats.py." in session.outcome.rows
    assert runpy.run_path(str(repo / "wordcount" / "stats.py"))["average_length"]("") == 0.0


async def test_the_composer_stays_on_the_screen_while_it_works(repo: Path) -> None:
    steps: list[Step] = [("? for shortcuts", [Press(tuple("hello"))]), ("❯ hello", [Press(("enter",))])]
    machine = Keys(*steps, *LEAVING)
    await drive(repo, machine, "--ask-nothing")
    busy = [rows for rows in machine.rows if any("esc to interrupt)" in row for row in rows)]
    assert busy
    assert all("❯" in rows for rows in busy)
    assert stats(repo) != FAULTY


async def test_a_long_paste_is_named_and_its_own_enter_swallowed(repo: Path) -> None:
    machine = Keys(
        ("? for shortcuts", [Paste("one\ntwo\nthree\nfour"), Press(("enter",))]),
        ("[Pasted text #1 +3 lines]", [Press(("ctrl-c",))]),
        ("again to exit", [Press(("ctrl-c",))]),
    )
    done = await drive(repo, machine, "--ask-nothing")
    assert done.status == ExitStatus(130)
    assert "esc to interrupt" not in done.output


async def test_keys_before_a_question_is_drawn_are_dropped(repo: Path) -> None:
    machine = Keys(("Starting", [Press(("2",))]), ("trust the files", [Press(("esc",))]))
    done = await drive(repo, machine)
    assert machine.steps == []
    assert done.status == ExitStatus(1)


@pytest.mark.parametrize("keys", [("down", "enter"), ("up", "enter"), ("2",), ("esc",)])
async def test_who_does_not_trust_the_folder_leaves(repo: Path, keys: tuple[str, ...]) -> None:
    done = await drive(repo, Keys(("1. Yes, I trust", [Press(keys)])))
    assert done.status == ExitStatus(1)


def begin(*steps: Step) -> Keys:
    task: list[Step] = [
        ("1. Yes, I trust", [Press(("enter",))]),
        ("? for shortcuts", [Press(tuple("fix"))]),
        ("❯ fix", [Press(("enter",))]),
    ]
    return Keys(*task, *steps)


async def test_an_edit_that_is_not_allowed_is_not_made(repo: Path) -> None:
    machine = begin(("make this edit", [Press(("esc",))]), *LEAVING)
    done = await drive(repo, machine)
    assert done.status == ExitStatus(0)
    assert stats(repo) == FAULTY
    assert "Nothing was changed" in done.output


async def test_allowing_all_edits_asks_once(repo: Path) -> None:
    (repo / "other.py").write_text("def f(xs):\n    return 1 / len(xs)\n")
    done = await drive(repo, begin(("make this edit", [Press(("2",))]), *LEAVING))
    assert done.status == ExitStatus(0)
    assert stats(repo) != FAULTY
    assert "if not xs:" in (repo / "other.py").read_text()


async def test_esc_interrupts_the_work(repo: Path) -> None:
    machine = begin(("Reading the code", [Press(("esc",))]), ("Interrupted", [Press(tuple("/exit"))]), LEAVING[1])
    await drive(repo, machine)
    assert stats(repo) == FAULTY


async def test_nothing_to_do_is_said(repo: Path) -> None:
    (repo / "wordcount" / "stats.py").write_text("x = 1\n")
    session, done = await by_rule(repo)
    assert session.outcome is not None
    assert session.outcome.kind == "done"
    assert "nothing was changed" in done.output


async def test_mode_nothing_answers_but_edits_nothing(repo: Path) -> None:
    session, _ = await by_rule(repo, "--mode", "nothing")
    assert session.outcome is not None
    assert session.outcome.kind == "done"
    assert stats(repo) == FAULTY


async def test_mode_hang_says_nothing_more_and_can_only_be_killed(repo: Path) -> None:
    session, done = await by_rule(repo, "--mode", "hang", silence_s=1.5)
    assert session.outcome is not None
    assert session.outcome.kind == "silent"
    assert done.status == ExitStatus(None, 9)


async def test_mode_crash_ends_with_a_traceback(repo: Path) -> None:
    session, done = await by_rule(repo, "--mode", "crash")
    assert done.status == ExitStatus(3)
    assert session.outcome is not None
    assert session.outcome.kind == "exit_code"
    assert any("Traceback" in row for row in session.outcome.rows)


async def test_mode_error_returns_to_the_composer(repo: Path) -> None:
    machine = begin(("API Error: 500 fake failure", [Press(tuple("/exit"))]), LEAVING[1])
    done = await drive(repo, machine, "--mode", "error")
    assert done.status == ExitStatus(0)
    assert stats(repo) == FAULTY


async def test_mode_question_asks_what_no_rule_knows(repo: Path) -> None:
    session, done = await by_rule(repo, "--mode", "question")
    assert session.outcome is not None
    assert session.outcome.kind == "asked"
    assert "Which database should the new table go to?" in session.outcome.cause
    assert done.told()[-2] == "question"


async def test_mode_daemon_leaves_a_process_that_the_session_ends(repo: Path) -> None:
    session, done = await by_rule(repo, "--mode", "daemon")
    assert session.outcome is not None
    assert session.outcome.kind == "done"
    daemon = process(int(done.output.split("(process ")[1].split(")")[0]))
    assert daemon is None or daemon.dead


async def test_a_terminal_that_does_not_answer_is_left_with_a_clear_message(repo: Path) -> None:
    command = [sys.executable, "-m", "swarmbot.demo.agent"]
    environment = {"PATH": os.defpath, "PYTHONPATH": os.pathsep.join(sys.path)}
    async with await spawn(command, cwd=repo, env=environment) as pty:
        assert await asyncio.wait_for(pty.wait(), BOUND_S) == ExitStatus(1)
        assert "did not say where its cursor is" in pty.read().data.decode()


async def test_outside_a_terminal_it_says_so(repo: Path) -> None:
    command = [sys.executable, "-m", "swarmbot.demo.agent"]
    pipe = asyncio.subprocess.PIPE
    running = await asyncio.create_subprocess_exec(*command, stdin=pipe, stdout=pipe, stderr=pipe)
    _, said = await asyncio.wait_for(running.communicate(b""), BOUND_S)
    assert running.returncode == 2
    assert b"run it in a terminal" in said
