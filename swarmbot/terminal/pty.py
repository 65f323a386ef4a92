"""Runs one program in a pseudo-terminal, without ever blocking the event loop, and leaves nothing of it behind."""

from __future__ import annotations

import asyncio
import ctypes
import errno
import fcntl
import os
import secrets
import shutil
import signal
import struct
import termios
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Self

import msgspec
import structlog
from ptyprocess import PtyProcess

from swarmbot.terminal.processes import MARK_VARIABLE, Process, find_family, process, signal_and_wait

_log = structlog.get_logger()

INPUT_LIMIT = 4 * 1024 * 1024
"""Bytes that may wait for a program that does not read its terminal."""

_KILL_ROUNDS = 10
_KILL_WAIT_S = 1.0
_PR_SET_CHILD_SUBREAPER = 36
_libc = ctypes.CDLL(None)


class TerminalError(Exception):
    """Something went wrong with a program's terminal; the text says what to do."""


class ProgramNotFound(TerminalError):
    """The program to run is not there or not executable."""


class SpawnFailed(TerminalError):
    """The program is there but could not be started."""


class ProgramNotReading(TerminalError):
    """The program leaves so much input unread that no more is kept for it."""


class ExitStatus(msgspec.Struct, frozen=True):
    """How a program ended: its exit code, or the number of the signal that ended it; the other one is None."""

    code: int | None
    signal: int | None = None


class Chunk(msgspec.Struct, frozen=True):
    """What one read gave."""

    data: bytes
    drained: bool
    """Nothing more is waiting at this moment."""
    ended: bool = False
    """Nothing more will ever come: every process has closed the terminal."""


class Pty:
    """A running program and the terminal it runs in, made by :func:`spawn`. End it with :meth:`end` and :meth:`close`.

    As an async context manager it does both by itself. The program is its own session and process group.
    """

    def __init__(self, pid: int, fd: int, *, mark: str, cols: int, rows: int) -> None:
        self.pid, self.fd, self.mark, self.cols, self.rows = pid, fd, mark, cols, rows
        self._loop = asyncio.get_running_loop()
        self._exit: asyncio.Future[ExitStatus] = self._loop.create_future()
        self._leader = process(pid) or Process(pid, os.getpid(), pid, True, 0)
        self._pidfd = os.pidfd_open(pid)
        self._loop.add_reader(self._pidfd, self._on_exit)
        self._unsent = bytearray()
        self._ending = asyncio.Lock()
        self._reaped = self._closed = False

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.end()
        self.close()

    def read(self, limit: int = 65536) -> Chunk:
        """Read what waits, up to ``limit`` bytes. Never blocks."""
        parts: list[bytes] = []
        while limit > 0:
            try:
                part = os.read(self.fd, limit)  # the kernel hands out at most 4095 bytes a time
            except BlockingIOError:
                return Chunk(b"".join(parts), drained=True)
            except OSError as error:
                if error.errno != errno.EIO:
                    raise
                part = b""
            if not part:
                return Chunk(b"".join(parts), drained=True, ended=True)
            parts.append(part)
            limit -= len(part)
        return Chunk(b"".join(parts), drained=False)

    def write(self, data: bytes) -> None:
        """Type ``data``. Returns at once; what the program does not take yet waits, in order.

        Raises :class:`ProgramNotReading` when more than ``INPUT_LIMIT`` bytes would wait; ``data`` is not typed then.
        """
        if self._closed:
            return
        if len(self._unsent) + len(data) > INPUT_LIMIT:
            raise ProgramNotReading(
                f"The program has left {len(self._unsent)} bytes of input unread; end it and start it again."
            )
        idle = not self._unsent
        self._unsent += data
        if idle:
            self._send()

    def _send(self) -> None:
        try:
            while self._unsent:
                sent = os.write(self.fd, self._unsent[:65536])
                del self._unsent[:sent]
        except BlockingIOError:
            self._loop.add_writer(self.fd, self._send)
            return
        except OSError as error:
            if error.errno != errno.EIO:
                raise
            self._unsent.clear()  # nobody has the terminal open any more
        self._loop.remove_writer(self.fd)

    def resize(self, cols: int, rows: int) -> None:
        """Change the size in cells; the kernel tells the program (SIGWINCH)."""
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, cols, 0, 0))
        self.cols, self.rows = cols, rows

    async def wait(self) -> ExitStatus:
        """Wait until the program has exited. Its last output may still be unread then."""
        return await asyncio.shield(self._exit)

    async def end(self, grace: float = 2.0) -> tuple[int, ...]:
        """End the program and all that it started, daemons in sessions of their own included, and reap it.

        SIGHUP and SIGTERM first, with ``grace`` seconds to go (0: none), then SIGKILL. Returns the pids that are alive
        even so (another user's, or stuck in the kernel): normally none. May be called again; the terminal stays
        readable until :meth:`close`.
        """
        async with self._ending:
            if self._reaped:
                return ()
            if grace > 0:
                polite = (signal.SIGHUP, signal.SIGTERM, signal.SIGCONT)
                await signal_and_wait(await self._family(), polite, grace)
            left = await self._family()
            for _ in range(_KILL_ROUNDS):
                if not left:
                    break
                await signal_and_wait(left, (signal.SIGKILL,), _KILL_WAIT_S)
                left = await self._family()
            pids = tuple(member.pid for member in left)
            if pids:
                _log.error("processes_left", pids=pids, leader=self.pid)
            if self.pid not in pids:
                await self.wait()
                self._reap()
            return pids

    async def _family(self) -> list[Process]:
        return await asyncio.to_thread(find_family, self._leader, self.mark)

    def close(self) -> None:
        """Close the terminal. Idempotent; processes are not touched."""
        if self._closed:
            return
        self._closed = True
        self._loop.remove_reader(self.fd)
        self._loop.remove_writer(self.fd)
        os.close(self.fd)
        if not self._exit.done():
            self._loop.remove_reader(self._pidfd)
            self._exit.cancel()
        os.close(self._pidfd)

    def _on_exit(self) -> None:
        self._loop.remove_reader(self._pidfd)
        # WNOWAIT: the zombie keeps the pid and the session number ours until the family has been looked for.
        result = os.waitid(os.P_PIDFD, self._pidfd, os.WEXITED | os.WNOWAIT)
        if result is None or self._exit.done():
            return
        if result.si_code == os.CLD_EXITED:
            self._exit.set_result(ExitStatus(result.si_status))
        else:
            self._exit.set_result(ExitStatus(None, result.si_status))

    def _reap(self) -> None:
        os.waitid(os.P_PIDFD, self._pidfd, os.WEXITED)
        self._reaped = True


async def spawn(
    argv: Sequence[str],
    *,
    cwd: Path | str,
    env: Mapping[str, str],
    cols: int = 120,
    rows: int = 40,
    mark: str | None = None,
) -> Pty:
    """Start ``argv`` in a new pseudo-terminal of ``cols`` x ``rows`` cells, in the folder ``cwd``.

    ``env`` is the whole environment (nothing is inherited), but TERM is set, COLUMNS and LINES are left out, and
    ``SWARMBOT_TERMINAL`` holds ``mark`` (random unless given): it must differ from every other running program's, for
    all that carries it is ended together. A bare program name is looked for in the PATH of ``env``.

    Raises :class:`ProgramNotFound` and :class:`SpawnFailed`.
    """
    mark = mark or secrets.token_hex(8)
    environment = {name: value for name, value in env.items() if name not in ("COLUMNS", "LINES")}
    environment |= {"TERM": "xterm-256color", MARK_VARIABLE: mark}
    command = [_find_program(argv, Path(cwd), environment.get("PATH", os.defpath)), *argv[1:]]
    forked = asyncio.get_running_loop().run_in_executor(None, _fork, command, str(cwd), environment, cols, rows)
    try:
        pid, fd = await asyncio.shield(forked)
    except asyncio.CancelledError:
        forked.add_done_callback(_discard)  # a fork cannot be taken back: it is ended when it is there
        raise
    except OSError as error:
        kind = ProgramNotFound if error.errno == errno.ENOENT else SpawnFailed
        raise kind(f"{argv[0]} could not be started in {cwd}: {error}") from error
    os.set_blocking(fd, False)
    return Pty(pid, fd, mark=mark, cols=cols, rows=rows)


def _find_program(argv: Sequence[str], cwd: Path, search: str) -> str:
    if not argv:
        raise SpawnFailed("There is no program to start: the command is empty.")
    name = str(cwd.resolve() / argv[0]) if "/" in argv[0] else argv[0]
    found = shutil.which(name, path=search)
    if found is None:
        raise ProgramNotFound(f"The program {argv[0]} is not installed, or not executable; looked in {search}.")
    return str(Path(found).absolute())


def _fork(command: list[str], cwd: str, env: dict[str, str], cols: int, rows: int) -> tuple[int, int]:
    """Fork and exec; blocks until the exec is done. Returns the pid and a descriptor of the terminal that is ours."""

    def prepare() -> None:
        # Ignored signals and blocked ones are inherited: under nohup, Ctrl-C would never reach an agent.
        for number in signal.valid_signals():
            if signal.getsignal(number) is signal.SIG_IGN:
                signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
        # Daemons that fork twice become children of the program instead of init's, and so are found below it.
        _libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
        # Not ptyprocess' own cwd: a chdir that fails there raises in the child, which goes on as a second worker.
        os.chdir(cwd)

    child = PtyProcess.spawn(command, env=env, preexec_fn=prepare, dimensions=(rows, cols))
    fd = os.dup(child.fd)
    child.fileobj.close()
    child.closed = True  # its own close() would block for 100 ms and reap the child
    return child.pid, fd


def _discard(forked: asyncio.Future[tuple[int, int]]) -> None:
    if forked.cancelled() or forked.exception():
        return
    pid, fd = forked.result()
    os.close(fd)
    os.killpg(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
