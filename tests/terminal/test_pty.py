"""Programs in a real pseudo-terminal: how they are started, written to, waited for, and ended without remains."""

from __future__ import annotations

import asyncio
import hashlib
import os
import signal
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from swarmbot.terminal.processes import Process, find_family, process
from swarmbot.terminal.pty import INPUT_LIMIT, ExitStatus, ProgramNotFound, ProgramNotReading, Pty, SpawnFailed, spawn

ENV = {"PATH": "/usr/local/bin:/usr/bin:/bin"}
BOUND_S = 20.0


async def python(program: str, folder: Path, **env: str) -> Pty:
    return await spawn([sys.executable, "-c", program], cwd=folder, env=ENV | env)


async def read(pty: Pty, until: bytes | None = None) -> bytes:
    """Read until ``until`` has come, or to the end."""
    loop, found, done = asyncio.get_running_loop(), bytearray(), asyncio.Event()

    def ready() -> None:
        chunk = pty.read()
        found.extend(chunk.data)
        if chunk.ended or (until is not None and until in found):
            loop.remove_reader(pty.fd)
            done.set()

    loop.add_reader(pty.fd, ready)
    async with asyncio.timeout(BOUND_S):
        await done.wait()
    return bytes(found)


def lives(pid: int) -> bool:
    found = process(pid)
    return found is not None and not found.dead


async def test_environment_is_exactly_the_given_one(tmp_path: Path) -> None:
    given = ENV | {"COLUMNS": "7", "LINES": "7", "TERM": "dumb", "GIVEN": "yes"}
    async with await spawn(["env"], cwd=tmp_path, env=given, mark="the-mark") as pty:
        lines = (await read(pty)).decode().split()
    assert sorted(lines) == ["GIVEN=yes", f"PATH={ENV['PATH']}", "SWARMBOT_TERMINAL=the-mark", "TERM=xterm-256color"]


async def test_size_folder_and_exit_code(tmp_path: Path) -> None:
    (tmp_path / "a-file").touch()
    command = ["sh", "-c", "stty size; ls; exit 7"]
    async with await spawn(command, cwd=tmp_path, env=ENV, cols=101, rows=33) as pty:
        assert (await read(pty)).decode().splitlines() == ["33 101", "a-file"]
        assert await pty.wait() == ExitStatus(7)


async def test_death_by_signal_is_told_from_an_exit_code(tmp_path: Path) -> None:
    async with await spawn(["sh", "-c", "kill -9 $$"], cwd=tmp_path, env=ENV) as pty:
        assert await pty.wait() == ExitStatus(None, signal.SIGKILL)


async def test_no_signal_is_ignored_from_the_start(tmp_path: Path) -> None:
    """Python ignores SIGPIPE and SIGXFSZ, and under nohup the worker ignores SIGHUP: programs must not inherit that."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        async with await spawn(["grep", "SigIgn", "/proc/self/status"], cwd=tmp_path, env=ENV) as pty:
            ignored = int((await read(pty)).split()[1], 16)
            # What is started by posix_spawn, as by make, ignores two signals of the C library's own (32 and 33).
            assert [number for number in signal.valid_signals() if ignored & 1 << (number - 1)] == []
    finally:
        signal.signal(signal.SIGINT, before)


async def test_a_missing_program_is_named(tmp_path: Path) -> None:
    with pytest.raises(ProgramNotFound, match="no-such-agent is not installed"):
        await spawn(["no-such-agent"], cwd=tmp_path, env=ENV)
    with pytest.raises(ProgramNotFound, match=r"\./agent"):
        await spawn(["./agent"], cwd=tmp_path, env=ENV)


async def test_a_program_of_the_folder_is_found_from_there(tmp_path: Path) -> None:
    (tmp_path / "agent").write_text("#!/bin/sh\nexit 5\n")
    (tmp_path / "agent").chmod(0o755)
    async with await spawn(["./agent"], cwd=tmp_path, env=ENV) as pty:
        assert await pty.wait() == ExitStatus(5)


@pytest.mark.parametrize("content", ["\x7fELF and then nonsense", "#!/no/such/interpreter\n"])
async def test_a_program_that_cannot_be_run_is_named(tmp_path: Path, content: str) -> None:
    (tmp_path / "agent").write_text(content)
    (tmp_path / "agent").chmod(0o755)
    with pytest.raises((SpawnFailed, ProgramNotFound), match=r"\./agent could not be started"):
        await spawn(["./agent"], cwd=tmp_path, env=ENV)


async def test_a_missing_folder_and_an_empty_command_are_named(tmp_path: Path) -> None:
    # The child's chdir fails after the fork: an error here must come of it, and no second copy of this process.
    with pytest.raises(SpawnFailed, match=r"env could not be started in .*No such file or directory: .*gone"):
        await spawn(["env"], cwd=tmp_path / "gone", env=ENV)
    with pytest.raises(SpawnFailed, match="the command is empty"):
        await spawn([], cwd=tmp_path, env=ENV)


async def test_ctrl_c_interrupts_the_program(tmp_path: Path) -> None:
    program = "import signal, sys\ntry:\n print('up'); signal.pause()\nexcept KeyboardInterrupt:\n sys.exit(9)"
    async with await python(program, tmp_path) as pty:
        await read(pty, b"up")
        pty.write(b"\x03")
        assert await asyncio.wait_for(pty.wait(), BOUND_S) == ExitStatus(9)


READ_ON_SIGNAL = """
import hashlib, os, signal, sys, tty
tty.setraw(0)
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1])
os.write(1, b"up")
signal.sigwait([signal.SIGUSR1])
left, seen = int(sys.argv[1]) if len(sys.argv) > 1 else int(os.environ["EXPECTED"]), hashlib.sha256()
while left > 0:
    data = os.read(0, 65536)
    seen.update(data)
    left -= len(data)
os.write(1, b" " + seen.hexdigest().encode())
"""


async def test_input_waits_for_a_program_that_does_not_read_and_arrives_in_order(tmp_path: Path) -> None:
    text = b"".join(b"%07d\n" % n for n in range(130_000))
    async with await python(READ_ON_SIGNAL, tmp_path, EXPECTED=str(len(text))) as pty:
        await read(pty, b"up")
        for start in range(0, len(text), 100_000):
            pty.write(text[start : start + 100_000])
        os.kill(pty.pid, signal.SIGUSR1)
        assert (await read(pty)).decode().strip() == hashlib.sha256(text).hexdigest()


async def test_input_that_nobody_reads_is_bounded(tmp_path: Path) -> None:
    async with await python(READ_ON_SIGNAL, tmp_path, EXPECTED="1") as pty:
        await read(pty, b"up")
        pty.write(b"x" * (INPUT_LIMIT - 1000))
        pty.write(b"x" * 1000)
        with pytest.raises(ProgramNotReading, match="bytes of input unread"):
            pty.write(b"x" * 1_000_000)


async def test_typing_at_a_program_that_is_gone_does_nothing(tmp_path: Path) -> None:
    async with await spawn(["true"], cwd=tmp_path, env=ENV) as pty:
        await read(pty)
        pty.write(b"hello")
    pty.write(b"hello")


async def test_end_asks_first(tmp_path: Path) -> None:
    program = "import signal, sys\nsignal.signal(15, lambda *_: sys.exit(4))\nsignal.signal(1, signal.SIG_IGN)\n"
    async with await python(program + "print('up')\nwhile True: signal.pause()", tmp_path) as pty:
        await read(pty, b"up")
        assert await pty.end(grace=BOUND_S) == ()
        assert await pty.wait() == ExitStatus(4)


STUBBORN = """
import os, signal, subprocess, sys
for number in (1, 2, 15):
    signal.signal(number, signal.SIG_IGN)
child = subprocess.Popen(["sleep", "600"])
print("up", os.getpid(), child.pid, "end")
while True: signal.pause()
"""


async def test_end_kills_what_ignores_being_asked_and_its_children(tmp_path: Path) -> None:
    async with await python(STUBBORN, tmp_path) as pty:
        pids = [int(word) for word in (await read(pty, b"end")).split()[1:3]]
        assert all(lives(pid) for pid in pids)
        assert await pty.end(grace=0.05) == ()
        assert not any(lives(pid) for pid in pids)
        assert (await pty.wait()).signal == signal.SIGKILL
        assert await pty.end() == ()


DAEMON = """
import os, sys
clear = {clear}
read, write = os.pipe()
if os.fork() == 0:
    os.setsid()
    if os.fork() > 0:
        os._exit(0)
    os.write(write, b"%d" % os.getpid())
    os.close(write)
    for fd in (0, 1, 2):
        os.close(fd)
    os.execve("/bin/sleep", ["sleep", "600"], {{}} if clear else os.environ)
os.wait()
print("daemon", int(os.read(read, 20)), "end", flush=True)
if {stays}:
    import signal
    signal.pause()
"""


@pytest.mark.parametrize(
    ("clear", "stays"),
    [
        pytest.param(False, True, id="while the program lives"),
        pytest.param(False, False, id="after the program has left"),
        pytest.param(True, True, id="without the mark in its environment"),
    ],
)
async def test_a_daemon_in_a_session_of_its_own_is_ended(tmp_path: Path, clear: bool, stays: bool) -> None:
    async with await python(DAEMON.format(clear=clear, stays=stays), tmp_path) as pty:
        daemon = int((await read(pty, b"end")).split()[1])
        if not stays:
            await asyncio.wait_for(pty.wait(), BOUND_S)
        assert lives(daemon)
        assert os.getsid(daemon) != pty.pid
        assert await pty.end(grace=0) == ()
        assert not lives(daemon)


async def test_end_leaves_other_terminals_alone(tmp_path: Path) -> None:
    async with await spawn(["sleep", "600"], cwd=tmp_path, env=ENV) as other:
        async with await spawn(["sleep", "600"], cwd=tmp_path, env=ENV) as pty:
            await pty.end(grace=0)
        assert lives(other.pid)


async def test_a_cancelled_spawn_leaves_no_program(tmp_path: Path) -> None:
    loop = asyncio.get_running_loop()
    loop.set_default_executor(ThreadPoolExecutor(max_workers=1))
    spawning = asyncio.create_task(spawn(["sleep", "600"], cwd=tmp_path, env=ENV, mark="cancelled-one"))
    loop.call_soon(spawning.cancel)
    with pytest.raises(asyncio.CancelledError):
        await spawning
    await loop.run_in_executor(None, int)  # one thread only: the fork is over when this is
    nobody = Process(pid=-1, parent=0, session=-1, dead=True, started=0)
    assert find_family(nobody, "cancelled-one") == []


async def test_nothing_of_a_terminal_stays(tmp_path: Path) -> None:
    async def once() -> int:
        async with await spawn(["true"], cwd=tmp_path, env=ENV) as pty:
            return pty.pid

    await once()  # what is opened once and kept, such as the executor's parts, is open now
    before = open_descriptors()
    pids = [await once() for _ in range(3)]
    assert open_descriptors() == before
    assert [process(pid) for pid in pids] == [None, None, None]


def open_descriptors() -> list[str]:
    return sorted(fd.name for fd in Path("/proc/self/fd").iterdir())
