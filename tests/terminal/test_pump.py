"""The pump on real programs: what reaches the program, what the machine sees, and what is left afterwards."""

from __future__ import annotations

import asyncio
import hashlib
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from swarmbot.core.screen import Screen
from swarmbot.core.session_model import Action, End, Event, Paste, Press, Report
from swarmbot.terminal.processes import process
from swarmbot.terminal.pty import ExitStatus, Pty, spawn
from swarmbot.terminal.pump import LOOKS_BURST, LOOKS_PER_S, LookBudget, TerminalSession
from swarmbot.terminal.recording import Recorder, read_cast
from swarmbot.terminal.screen import VirtualScreen

BOUND_S = 30.0
RAW = "import os, sys, tty\ntty.setraw(0)\nsay = lambda text: os.write(1, text.encode())\n"


class Script:
    """A machine that acts when a text stands on the screen, one step after the other."""

    def __init__(self, *steps: tuple[str, list[Action]], wake_at: float | None = None) -> None:
        self.steps = list(steps)
        self.wake_at = wake_at
        self.screens: list[Screen] = []
        self.ticks: list[float] = []
        self.exit: tuple[int | None, int | None] | None = None

    def on_screen(self, screen: Screen, at: float) -> list[Action]:
        self.screens.append(screen)
        if self.steps and any(self.steps[0][0] in row for row in screen.rows):
            return self.steps.pop(0)[1]
        return []

    def on_tick(self, at: float) -> list[Action]:
        self.ticks.append(at)
        self.wake_at = None
        return [End()]

    def on_exit(self, code: int | None, signal: int | None, screen: Screen, at: float) -> list[Action]:
        self.screens.append(screen)
        self.exit = (code, signal)
        return [Report(Event("exit"))]

    def saw(self, text: str) -> bool:
        return any(text in row for screen in self.screens for row in screen.rows)


class Run:
    """One session under test, with everything that it says."""

    def __init__(self, session: TerminalSession, pty: Pty, recorder: Recorder, reports: list[Event]) -> None:
        self.session, self.pty, self.recorder, self.reports = session, pty, recorder, reports

    async def to_its_end(self) -> ExitStatus:
        with self.recorder:
            async with asyncio.timeout(BOUND_S):
                return await self.session.run()

    def output(self) -> str:
        return "".join(event.data for event in read_cast(self.recorder.path)[1] if event.kind == "o")

    def typed(self) -> list[str]:
        return [event.data for event in read_cast(self.recorder.path)[1] if event.kind == "i"]


async def start(
    folder: Path,
    program: str,
    machine: Script,
    *,
    name: str = "session",
    report: Callable[[Event], None] | None = None,
    redact: Callable[[str], str] | None = None,
) -> Run:
    reports: list[Event] = []
    pty = await spawn([sys.executable, "-c", RAW + program], cwd=folder, env={"PATH": "/usr/bin:/bin"})
    recorder = Recorder(folder / f"{name}.cast", cols=pty.cols, rows=pty.rows, redact=redact)
    session = TerminalSession(pty, machine, recorder, report or reports.append)
    return Run(session, pty, recorder, reports)


async def run(folder: Path, program: str, machine: Script) -> Run:
    started = await start(folder, program, machine)
    await started.to_its_end()
    return started


async def test_keys_follow_what_is_on_the_screen(tmp_path: Path) -> None:
    machine = Script(("one?", [Press(("y", "enter"))]), ("two?", [Report(Event("busy")), Press(("down",))]))
    program = "say('one?'); a = os.read(0, 99)\nsay('two?'); b = os.read(0, 99)\nsay(repr((a, b))); sys.exit(3)"
    done = await run(tmp_path, program, machine)
    assert r"(b'y\r', b'\x1b[B')" in machine.screens[-1].rows[0]
    assert done.typed() == ["y\r", "\x1b[B"]
    assert [event.event for event in done.reports] == ["busy", "exit"]
    assert machine.exit == (3, None)


async def test_keys_and_pastes_follow_the_modes_of_the_terminal(tmp_path: Path) -> None:
    machine = Script(("go?", [Paste("two\nlines"), Press(("up",))]))
    program = r"""
say("\x1b[?2004h\x1b[?1hgo?")
got = b""
while not got.endswith(b"A"):
    got += os.read(0, 99)
say(repr(got))
"""
    await run(tmp_path, program, machine)
    assert machine.saw(r"b'\x1b[200~two\rlines\x1b[201~\x1bOA'")


async def test_the_terminals_answers_reach_the_program(tmp_path: Path) -> None:
    program = r"""
say("\r\nabc\x1b[6n")
got = b""
while not got.endswith(b"R"):
    got += os.read(0, 99)
say(repr(got))
"""
    machine = Script()
    done = await run(tmp_path, program, machine)
    assert machine.saw(r"b'\x1b[2;4R'")
    assert done.typed() == ["\x1b[2;4R"]


async def test_output_is_read_to_its_end_after_the_exit(tmp_path: Path) -> None:
    program = "d = b''.join(b'%08d' % n for n in range(655_360))\nwhile d: d = d[os.write(1, d):]\nos._exit(0)"
    done = await run(tmp_path, program, Script())
    expected = b"".join(b"%08d" % n for n in range(655_360))
    assert hashlib.sha256(done.output().encode()).digest() == hashlib.sha256(expected).digest()


LATE_WORDS = """
import signal
signal.signal(signal.SIGHUP, signal.SIG_IGN)
ours, theirs = os.pipe()
if os.fork() == 0:
    os.close(theirs); os.read(ours, 1)  # returns when the program is gone
    for _ in range(1000): say("late words " * 90)
    say("the end"); os._exit(0)
os._exit(0)
"""


async def test_what_children_write_after_the_exit_is_read_too(tmp_path: Path) -> None:
    done = await run(tmp_path, LATE_WORDS, Script())
    assert done.output() == "late words " * 90_000 + "the end"


async def test_an_error_while_the_rest_is_read_comes_out(tmp_path: Path) -> None:
    def redact(text: str) -> str:
        if text.endswith("the end"):
            raise LookupError("the end")
        return text

    started = await start(tmp_path, LATE_WORDS, Script(), redact=redact)
    with pytest.raises(LookupError, match="the end"):
        await started.to_its_end()


async def test_a_daemon_that_keeps_the_terminal_open_is_ended_and_does_not_hang_the_session(tmp_path: Path) -> None:
    program = """
import signal
if os.fork() == 0:
    os.setsid()
    say(f"daemon {os.getpid()} ")
    while True: signal.pause()
os.read(0, 1); say("last words"); os._exit(0)
"""
    done = await run(tmp_path, program, Script(("daemon", [Press(("enter",))])))
    words = done.output().split()
    assert words[2:] == ["last", "words"]
    daemon = process(int(words[1]))
    assert daemon is None or daemon.dead


async def test_a_flood_is_looked_at_a_bounded_number_of_times_and_its_end_is_seen(tmp_path: Path) -> None:
    machine = Script()
    before = time.monotonic()
    await run(tmp_path, "line = 'x' * 99 + '\\r\\n'\nfor n in range(1000): say(line * 200)\nsay('the end')", machine)
    seconds = time.monotonic() - before
    assert 3 < len(machine.screens) <= seconds * LOOKS_PER_S + LOOKS_BURST + 2
    assert machine.screens[-1].rows[-1] == "the end"


async def test_a_program_that_floods_without_end_does_not_keep_others_waiting(tmp_path: Path) -> None:
    noisy = await start(tmp_path, "while True: say('x' * 4000)", Script(), name="noisy")
    noise = asyncio.create_task(noisy.to_its_end())
    quiet = await start(tmp_path, "say('go?'); os.read(0, 1)", Script(("go?", [Press(("enter",))])), name="quiet")
    assert await quiet.to_its_end() == ExitStatus(0)
    assert not noise.done()
    noise.cancel()
    with pytest.raises(asyncio.CancelledError):
        await noise
    assert process(noisy.pty.pid) is None


async def test_a_frame_is_seen_only_when_it_is_whole(tmp_path: Path) -> None:
    program = r"""
say("\x1b[?2026h\x1b[2J\x1b[HHALF\x1b[6n"); os.read(0, 99)
say("\x1b[2J\x1b[HWHOLE\x1b[?2026l"); os.read(0, 99)
"""
    machine = Script(("WHOLE", [Press(("enter",))]))
    await run(tmp_path, program, machine)
    assert machine.saw("WHOLE")
    assert not machine.saw("HALF")


async def test_a_frame_that_is_never_finished_is_seen_after_all(tmp_path: Path) -> None:
    machine = Script(("HALF", [Press(("enter",))]))
    await run(tmp_path, r"say('\x1b[?2026hHALF'); os.read(0, 1)", machine)
    assert machine.exit == (0, None)


async def test_the_machine_is_woken_when_it_asked_for_it_and_can_end_the_program(tmp_path: Path) -> None:
    due = time.monotonic() + 0.05
    machine = Script(wake_at=due)
    await run(tmp_path, "import signal\nsignal.signal(15, signal.SIG_IGN); signal.pause()", machine)
    assert len(machine.ticks) == 1
    assert machine.ticks[0] >= due
    assert machine.exit == (None, 9)


class Broken(Script):
    def on_screen(self, screen: Screen, at: float) -> list[Action]:
        raise ZeroDivisionError("the machine is broken")


async def test_an_error_of_the_machine_comes_out_and_the_program_is_ended(tmp_path: Path) -> None:
    started = await start(tmp_path, "say('up'); os.read(0, 1)", Broken())
    with pytest.raises(ZeroDivisionError):
        await started.to_its_end()
    assert process(started.pty.pid) is None


async def test_an_error_in_a_report_comes_out_and_the_program_is_ended(tmp_path: Path) -> None:
    def report(event: Event) -> None:
        raise LookupError(event.event)

    machine = Script(("up", [Report(Event("ready"))]))
    started = await start(tmp_path, "say('up'); os.read(0, 1)", machine, report=report)
    with pytest.raises(LookupError, match="ready"):
        await started.to_its_end()
    assert process(started.pty.pid) is None


async def test_a_new_size_reaches_program_screen_and_recording(tmp_path: Path) -> None:
    program = """
import signal
signal.signal(signal.SIGWINCH, lambda *_: say(f"now {os.get_terminal_size().columns}"))
say("up"); os.read(0, 1)
"""

    def report(event: Event) -> None:
        if event.event == "ready":
            started.session.resize(77, 20)

    machine = Script(("up", [Report(Event("ready"))]), ("now 77", [Press(("enter",))]))
    started = await start(tmp_path, program, machine, report=report)
    await started.to_its_end()
    assert machine.exit == (0, None)
    resized = [event.data for event in read_cast(started.recorder.path)[1] if event.kind == "r"]
    assert resized == ["77x20"]


async def test_a_recording_replays_to_the_same_screen(tmp_path: Path) -> None:
    program = r"""
for n in range(60): say(f"\x1b[3{n % 8}mrow {n} größer 漢字 🙂\x1b[0m\r\n")
say("\x1b[5A\x1b[2Kover\x1b[5B")
"""
    machine = Script()
    done = await run(tmp_path, program, machine)
    header, events = read_cast(done.recorder.path)
    screen = VirtualScreen(header.width, header.height, lambda _: None)
    for event in events:
        if event.kind == "o":
            screen.feed(event.data.encode())
    assert screen.snapshot() == machine.screens[-1]
    assert machine.saw("over")


def test_looks_come_in_bursts_and_then_at_a_rate() -> None:
    budget = LookBudget(at=0.0)
    assert [budget.take(0.0) for _ in range(int(LOOKS_BURST))] == [0.0] * int(LOOKS_BURST)
    wait = budget.take(0.0)
    assert wait == pytest.approx(1 / LOOKS_PER_S)
    assert budget.take(wait * 1.01) == 0.0
    assert budget.take(wait * 1.01) > 0.0
    budget.refill()
    assert budget.take(wait * 1.01) == 0.0
