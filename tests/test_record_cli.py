"""``swarmbot record`` as people run it: in a terminal of their own, in a pipe, with a task; what replays of it."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from swarmbot import demo
from swarmbot.core.agent_file import parse
from swarmbot.core.agent_spec import Leave
from swarmbot.core.screen import encode_keys
from swarmbot.core.session import Session
from swarmbot.core.session_model import Event
from swarmbot.terminal.by_hand import HIDDEN
from swarmbot.terminal.processes import find_family, process
from swarmbot.terminal.pty import Pty, spawn
from swarmbot.terminal.pump import TerminalSession
from swarmbot.terminal.recording import CastEvent, Recorder, read_cast
from swarmbot.terminal.screen import VirtualScreen

SWARMBOT = [sys.executable, "-m", "swarmbot"]
AGENTS = Path(demo.__file__).parent / "agents"
BOUND_S = 60.0
TASK = "Mend the crash.\n\n1. Look at stats.py\n2. Mend it"
ANSWERS = {"name?": "somebody", "password?": "hunter-two", "again?": "aloud", "raw?": "keys"}
FAULTY = "def average(words):\n    return sum(words) / len(words)\n"
KEY = "sk-of-the-model-0123456789"


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    (tmp_path / "repo").mkdir()
    (tmp_path / "repo" / "stats.py").write_text(FAULTY)
    return tmp_path / "repo"


def environment(**more: str) -> dict[str, str]:
    return {"PATH": os.environ["PATH"], "HOME": "/nonexistent", "SWARMBOT_AGENTS_DIR": str(AGENTS)} | more


def record(repo: Path, *arguments: str, typed: str = "", **more: str) -> subprocess.CompletedProcess[str]:
    """Record where there is no terminal."""
    return subprocess.run(
        [*SWARMBOT, "record", "--agent", "demo", "--output", "it.cast", *arguments],
        env=environment(**more), cwd=repo, input=typed, capture_output=True, text=True, timeout=90, check=False,
    )  # fmt: skip


def replayed(repo: Path) -> list[dict[str, Any]]:
    command = [*SWARMBOT, "replay", "it.cast", "--agent", "demo", "--json"]
    done = subprocess.run(command, env=environment(), cwd=repo, capture_output=True, text=True, timeout=60, check=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


def events(repo: Path, kind: str) -> list[CastEvent]:
    return [event for event in read_cast(repo / "it.cast")[1] if event.kind == kind]


def text(repo: Path, kind: str) -> str:
    return "".join(event.data for event in events(repo, kind))


class Person:
    """Somebody at a terminal of their own, which answers a program's queries, and who waits for what they see."""

    def __init__(self, pty: Pty) -> None:
        self.pty, self.output = pty, b""
        self._screen = VirtualScreen(pty.cols, pty.rows, pty.write)
        self._came, self._left = asyncio.Event(), False
        asyncio.get_running_loop().add_reader(pty.fd, self._read)

    def _read(self) -> None:
        chunk = self.pty.read()
        self.output += chunk.data
        self._screen.feed(chunk.data)
        if chunk.ended:
            asyncio.get_running_loop().remove_reader(self.pty.fd)
            self._left = True
        self._came.set()

    async def until(self, seen: Callable[[list[str]], bool]) -> None:
        async with asyncio.timeout(BOUND_S):
            while not seen(self.rows) and not self._left:
                self._came.clear()
                await self._came.wait()
        assert seen(self.rows), "\n".join(self.rows)

    async def sees(self, words: str) -> None:
        await self.until(lambda rows: any(words in row for row in rows))

    async def end(self) -> int | None:
        async with asyncio.timeout(BOUND_S):
            while not self._left:
                self._came.clear()
                await self._came.wait()
            return (await self.pty.wait()).code

    @property
    def rows(self) -> list[str]:
        return [*self._screen.snapshot().rows]

    def press(self, *keys: str) -> None:
        self.pty.write(encode_keys(keys))

    def resize(self, cols: int, rows: int) -> None:
        self._screen.resize(cols, rows)
        self.pty.resize(cols, rows)


@asynccontextmanager
async def person(repo: Path, *arguments: str, then: str = "", **more: str) -> AsyncIterator[Person]:
    """Somebody who records in a terminal of 100 x 30; ``then`` is what their shell does afterwards."""
    command = [*SWARMBOT, "record", "--agent", "demo", "--output", "it.cast", *arguments]
    argv = ["/bin/sh", "-c", f'"$@"; code=$?; {then or "exit $code"}', "sh", *command]
    async with await spawn(argv, cwd=repo, env=environment(**more), cols=100, rows=30) as pty:
        yield Person(pty)


def python(program: str) -> tuple[str, ...]:
    return ("--", sys.executable, "-c", program)


def test_a_task_is_driven_and_what_is_recorded_replays_the_same(repo: Path) -> None:
    done = record(repo, "--task", "Mend it")
    assert (done.returncode, done.stderr) == (0, "")
    assert "if not words" in (repo / "stats.py").read_text()
    told = [tuple(line.split()[3:]) for line in done.stdout.splitlines() if " s  prompt " in line]
    again = [(one["rule"], *one["keys"]) for one in replayed(repo) if one["event"] == "prompt"]
    assert told == again == [("trust-folder", "enter"), ("edit-file", "enter")]
    assert "Done. Fixed average for empty input" in done.stdout
    assert "A replay sees 2 prompts (trust-folder, edit-file);" in done.stdout
    assert [one["event"] for one in replayed(repo)][-2:] == ["done", "exit"]


def test_a_prompt_that_no_rule_answers_is_a_failure_and_a_warning(repo: Path) -> None:
    done = record(repo, "--task", "Mend it", SWARMBOT_DEMO_MODE="question")
    assert done.returncode == 1
    assert "Failed (asked): " in done.stdout
    assert "no rule answers this: ❯ Mend it Which database should the new table go to?" in done.stdout
    assert "[The main database | The reporting database | A new database]" in done.stdout
    assert [one["event"] for one in replayed(repo)][-2:] == ["question", "exit"]


async def test_a_task_that_is_interrupted_leaves_a_recording_and_no_program(repo: Path) -> None:
    arguments = [*SWARMBOT, "record", "--agent", "demo", "--output", "it.cast", "--task", "Mend it"]
    recording = await asyncio.create_subprocess_exec(
        *arguments, cwd=repo, env=environment(SWARMBOT_DEMO_MODE="hang"), stdout=asyncio.subprocess.PIPE
    )
    assert recording.stdout is not None
    said = ""
    async with asyncio.timeout(BOUND_S):
        while " s  busy" not in said:
            said += (await recording.stdout.readline()).decode()
        leader = process(recording.pid)
        assert leader is not None
        family = await asyncio.to_thread(find_family, leader, "no mark")
        recording.terminate()
        said += (await recording.stdout.read()).decode()
        assert await recording.wait() == 130
    assert "Interrupted." in said
    assert "A replay sees 1 prompt (trust-folder); ready" in said
    assert len(family) >= 2
    assert [one for one in family if process(one.pid)] == []


async def test_what_a_person_did_in_their_terminal_replays_with_the_same_prompts_and_keys(repo: Path) -> None:
    """The person is a session of its own, in front of the terminal that ``record`` runs in."""
    spec = parse((AGENTS / "demo.toml").read_text(), source="demo.toml")
    spec = replace(spec, leave=Leave("/exit", within_s=BOUND_S))
    did: list[Event] = []
    command = [*SWARMBOT, "record", "--agent", "demo", "--output", "it.cast"]
    with Recorder(repo / "outer.cast", cols=100, rows=30) as outer:
        async with await spawn(command, cwd=repo, env=environment(), cols=100, rows=30) as pty:
            machine = Session(spec, TASK, at=time.monotonic())
            status = await TerminalSession(pty, machine, outer, did.append).run()
    assert status.code == 0
    assert "if not words" in (repo / "stats.py").read_text()
    prompts = [(event.rule, event.keys) for event in did if event.event == "prompt"]
    again = replayed(repo)
    assert [(one["rule"], tuple(one["keys"])) for one in again if one["event"] == "prompt"] == prompts
    assert [rule for rule, _ in prompts] == ["trust-folder", "edit-file"]
    assert [one["event"] for one in again] == [event.event for event in did]
    header, _ = read_cast(repo / "it.cast")
    assert (header.width, header.height) == (100, 30)
    assert text(repo, "i").replace("\r", "\n").count(TASK) == 1
    said = "".join(event.data for event in read_cast(repo / "outer.cast")[1] if event.kind == "o")
    assert "What you type is recorded too, and may hold secrets" in said
    assert "A replay sees 2 prompts (trust-folder, edit-file); ready, busy" in said


async def test_output_is_passed_byte_for_byte_and_the_terminal_is_restored(repo: Path) -> None:
    odd = r"\x1b[38;5;9mred \xe2\x9d\xaf \xff\r\n\x1b[0m"
    before = "stty -g >before"
    program = f"import os, tty; tty.setraw(0); os.write(1, b'{odd}')"
    async with person(repo, *python(program), then="stty -g >after; exit $code") as somebody:
        assert await somebody.end() == 0
        assert b"\x1b[38;5;9mred \xe2\x9d\xaf \xff\r\n\x1b[0m" in somebody.output
    async with await spawn(["/bin/sh", "-c", before], cwd=repo, env=environment(), cols=100, rows=30) as pty:
        assert (await Person(pty).pty.wait()).code == 0
    assert (repo / "after").read_text() == (repo / "before").read_text()


async def test_the_programs_terminal_has_the_size_of_the_persons_and_follows_it(repo: Path) -> None:
    program = """
import os, signal
def show(*_): os.write(1, "size {} {}\\n".format(*os.get_terminal_size()).encode())
signal.signal(signal.SIGWINCH, show)
show()
input()"""
    async with person(repo, *python(program)) as somebody:
        await somebody.sees("size 100 30")
        somebody.resize(80, 24)
        await somebody.sees("size 80 24")
        somebody.press("enter")
        assert await somebody.end() == 0
    assert [event.data for event in events(repo, "r")] == ["80x24"]
    assert replayed(repo)[-1]["event"] == "exit"


async def test_a_size_that_was_asked_for_is_held(repo: Path) -> None:
    program = "import os; print('size', *os.get_terminal_size()); input()"
    async with person(repo, "--cols", "90", "--rows", "20", *python(program)) as somebody:
        await somebody.sees("size 90 20")
        somebody.resize(80, 24)
        somebody.press("enter")
        assert await somebody.end() == 0
    assert events(repo, "r") == []


async def test_ctrl_c_goes_to_the_program(repo: Path) -> None:
    program = """
try:
    print("waiting", flush=True)
    input()
except KeyboardInterrupt:
    print("interrupted")"""
    async with person(repo, *python(program)) as somebody:
        await somebody.sees("waiting")
        somebody.press("ctrl-c")
        assert await somebody.end() == 0
        assert b"interrupted" in somebody.output
    assert text(repo, "i") == "\x03"


async def test_what_is_typed_without_echo_is_left_out_but_not_in_raw_mode(repo: Path) -> None:
    program = """
import getpass, os, sys, termios, tty
print("name?", flush=True); input()
getpass.getpass("password?")
print("again?", flush=True); input()
before = termios.tcgetattr(0)
tty.setraw(0)
os.write(1, b"raw?"); os.read(0, 100)
termios.tcsetattr(0, termios.TCSANOW, before)"""
    async with person(repo, *python(program)) as somebody:
        for question, answer in ANSWERS.items():
            await somebody.sees(question)
            somebody.press(answer, "enter")
        assert await somebody.end() == 0
    assert text(repo, "i") == "somebody\raloud\rkeys\r"
    assert "hunter-two" not in (repo / "it.cast").read_text()
    assert [event.data for event in events(repo, "m")] == [HIDDEN]


async def test_when_it_is_told_to_end_the_program_goes_and_the_terminal_is_restored(repo: Path) -> None:
    program = """
import os, signal, tty
tty.setraw(0)
os.write(1, b"\\x1b[?1049h\\x1b[?2004h" + f"{os.getpid()} of {os.getppid()}".encode())
signal.pause()"""
    async with person(repo, *python(program), then="stty -a >after; exit $code") as somebody:
        await somebody.sees(" of ")
        row = next(row for row in somebody.rows if " of " in row)
        inner, outer = (int(word) for word in row.split(" of "))
        os.kill(outer, 15)
        assert await somebody.end() == 0
        assert process(inner) is None
        assert somebody.output.rindex(b"\x1b[?1049l") > somebody.output.rindex(b"\x1b[?1049h")
        assert b"\x1b[?2004l" in somebody.output
        assert b"Recorded in it.cast." in somebody.output
    assert " icanon" in (repo / "after").read_text()
    assert replayed(repo)[-1]["event"] == "exit"


def test_without_a_terminal_input_is_read_to_its_end(repo: Path) -> None:
    done = record(repo, "--", "cat", typed="one\ntwo\n")
    assert done.returncode == 0
    assert done.stdout.count("one\n") == 2  # run() has made newlines of the terminal's line ends
    assert "The program has ended with exit code 0." in done.stderr
    assert text(repo, "i") == "one\ntwo\n\x04"
    assert text(repo, "o").replace("\r\n", "\n") == done.stdout


def test_without_a_terminal_an_emulator_answers_the_programs_queries(repo: Path) -> None:
    program = """
import os, tty
tty.setraw(0)
os.write(1, b"hello\\x1b[6n")
os.write(1, b"at " + os.read(0, 100)[1:])"""
    done = record(repo, "--cols", "90", *python(program))
    assert "at [1;6R" in done.stdout
    assert "\x1b[1;6R" in text(repo, "i")
    assert read_cast(repo / "it.cast")[0].width == 90


def test_a_file_as_input_is_read(repo: Path) -> None:
    (repo / "typed").write_text("from a file\n")
    command = [*SWARMBOT, "record", "--agent", "demo", "--output", "it.cast", "--", "cat"]
    with (repo / "typed").open() as typed:
        done = subprocess.run(
            command, env=environment(), cwd=repo, stdin=typed, capture_output=True, timeout=60, check=False
        )
    assert done.returncode == 0
    assert done.stdout.count(b"from a file\r\n") == 2


def test_keys_of_models_are_taken_out_of_the_file_even_in_pieces(repo: Path) -> None:
    program = f"""
import os, sys, time
print(os.environ["OPENAI_API_KEY"])
for char in "{KEY}":
    print(char, end="", flush=True); input()"""
    plain = record(repo, *python(program), typed="\n" * len(KEY), OPENAI_API_KEY=KEY)
    assert KEY in plain.stdout
    recorded = (repo / "it.cast").read_text()
    assert KEY not in recorded
    assert "[redacted]" in recorded


def test_a_key_that_was_drawn_and_typed_char_by_char_is_taken_out(repo: Path) -> None:
    program = f"""
import os, tty
tty.setraw(0)
os.write(1, b">")
for char in {KEY!r}:
    os.read(0, 1)
    os.write(1, char.encode())"""
    record(repo, *python(program), typed=KEY, OPENAI_API_KEY=KEY)
    assert KEY not in text(repo, "o") + text(repo, "i")
    assert text(repo, "o").endswith(">[redacted]")


def test_a_program_that_is_not_there_leaves_no_file(repo: Path) -> None:
    done = record(repo, "--", "no-such-program")
    assert done.returncode == 2
    assert "The program no-such-program is not installed" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (repo / "it.cast").exists()


def test_an_agent_that_is_not_installed_is_told_with_what_installs_it(repo: Path, tmp_path: Path) -> None:
    files = tmp_path / "files"
    files.mkdir()
    (files / "own.toml").write_text(
        'name = "demo"\ntitle = "Own"\n[program]\ncommand = "own-program"\ninstall = "make own"\n'
        '[headless]\nargv = ["{program}"]\ntask = "file"\n'
    )
    done = record(repo, "--task", "Mend it", SWARMBOT_AGENTS_DIR=str(files))
    assert done.returncode == 2
    assert "`own-program` is not installed. Install it with `make own`." in done.stderr
    assert not (repo / "it.cast").exists()


def test_a_recording_that_is_there_already_is_not_written_over(repo: Path) -> None:
    (repo / "it.cast").write_text("mine")
    done = record(repo, "--", "true")
    assert done.returncode == 2
    assert "cannot be recorded in it.cast: File exists" in done.stderr
    assert (repo / "it.cast").read_text() == "mine"


def test_the_exit_of_a_program_is_told(repo: Path) -> None:
    done = record(repo, "--", "sh", "-c", "exit 3")
    assert done.returncode == 0
    assert "The program has ended with exit code 3." in done.stderr
