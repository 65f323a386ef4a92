"""Lets a person use a program in its terminal as if it ran in their own, and records both sides of it."""

from __future__ import annotations

import asyncio
import codecs
import contextlib
import os
import select
import signal
import stat
import termios
import tty
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from swarmbot.terminal.pty import ExitStatus, ProgramNotReading, Pty
from swarmbot.terminal.recording import FLUSH_S, Recorder
from swarmbot.terminal.screen import VirtualScreen

DRAIN_S, LAST_READ_S = 0.5, 5.0
"""How long the end of the output is waited for after the program's exit: before and after its children are ended."""

GRACE_S = 2.0
"""What the program gets to end by itself when the recording is stopped from outside."""

HIDDEN = "What was typed here is left out: the program had switched the echo off."

_CALM = b"\x1b[?2004l\x1b[?1004l\x1b[?1000l\x1b[?1002l\x1b[?1003l\x1b[?1006l\x1b[?25h\x1b[<u\x1b[0m"
"""Switches off what a program that was killed left on: pastes, focus and mouse reports, a hidden cursor, other keys."""
_OTHER_SCREEN, _LEAVE_OTHER_SCREEN = b"\x1b[?1049h", b"\x1b[?1049l"


def is_terminal(*fds: int) -> bool:
    """Whether all of these descriptors are terminals."""
    return all(os.isatty(fd) for fd in fds)


class ByHand:
    """One program that a person types to. Use once: ``await ByHand(pty, recorder).run()``.

    Where ``stdin`` and ``stdout`` are a person's terminal, it is in raw mode meanwhile, answers the program's queries
    itself, and (``follow``) its size is the program's. Where they are not, input is read to its end, and an emulator
    answers. What is typed while the program hides it, as at the question for a password, is not recorded.
    """

    def __init__(self, pty: Pty, recorder: Recorder, *, stdin: int = 0, stdout: int = 1, follow: bool = True) -> None:
        self._pty, self._recorder, self._stdin, self._stdout = pty, recorder, stdin, stdout
        self._person = is_terminal(stdin, stdout)
        self._follow = follow and self._person
        self._screen = None if self._person else VirtualScreen(pty.cols, pty.rows, self._reply)
        self._loop = asyncio.get_running_loop()
        self._stopped: asyncio.Future[None] = self._loop.create_future()
        self._eof = asyncio.Event()
        self._typed = codecs.getincrementaldecoder("utf-8")(errors="replace")
        self._hiding = self._heard_nothing = self._interrupted = False
        self._elsewhere, self._tail, self._left_by_itself = False, b"", False
        self._flush: asyncio.TimerHandle | None = None

    async def run(self) -> ExitStatus:
        """Pass everything on until the program has exited; nothing that it started is left then.

        Returns how it ended. SIGTERM and SIGHUP end the program; SIGINT is Ctrl-C for it, and the second one ends it.
        Raises :class:`ProgramNotReading`. The terminal is restored whatever happens.
        """
        with self._raw(), self._signals():
            try:
                self._loop.add_reader(self._pty.fd, self._guarded, self._read)
                self._listen()
                status = await self._until_exit()
                await self._wait_for_eof(DRAIN_S)
                await self._pty.end(grace=0)
                await self._wait_for_eof(LAST_READ_S)
                if self._stopped.done():
                    self._stopped.result()
                self._left_by_itself = status.code is not None and not self._stopped.done()
                return status
            finally:
                await self._close()

    async def _until_exit(self) -> ExitStatus:
        exited = asyncio.ensure_future(self._pty.wait())
        try:
            both: tuple[asyncio.Future[Any], ...] = (exited, self._stopped)
            await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
            if not exited.done():
                await self._pty.end(grace=GRACE_S)
            if self._stopped.done():
                self._stopped.result()
            return await exited
        finally:
            exited.cancel()

    async def _wait_for_eof(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._eof.wait()

    async def _close(self) -> None:
        self._deafen()
        self._loop.remove_reader(self._pty.fd)
        self._stopped.cancel()
        if self._flush:
            self._flush.cancel()
        await self._pty.end(grace=0)
        self._recorder.flush()

    def _guarded(self, step: Callable[[], object]) -> None:
        """Run a callback of the loop; an error in it ends the session instead of vanishing in the loop's log."""
        try:
            step()
        except Exception as error:
            self._deafen()
            self._loop.remove_reader(self._pty.fd)
            self._eof.set()
            if not self._stopped.done():
                self._stopped.set_exception(error)

    def _stop(self) -> None:
        if not self._stopped.done():
            self._stopped.set_result(None)

    # From the program

    def _read(self) -> None:
        chunk = self._pty.read()
        if chunk.data:
            self._recorder.output(chunk.data)
            self._flush = self._flush or self._loop.call_later(FLUSH_S, self._flush_recording)
            self._pass_on(chunk.data)
            if self._screen:
                self._screen.feed(chunk.data)
        if chunk.ended:
            self._loop.remove_reader(self._pty.fd)
            self._eof.set()

    def _flush_recording(self) -> None:
        self._flush = None
        self._recorder.flush()

    def _pass_on(self, data: bytes) -> None:
        seen = self._tail + data
        entered, left = seen.rfind(_OTHER_SCREEN), seen.rfind(_LEAVE_OTHER_SCREEN)
        if entered != left:
            self._elsewhere = entered > left
        self._tail = seen[-len(_LEAVE_OTHER_SCREEN) + 1 :]
        if not self._heard_nothing:
            try:
                _write_all(self._stdout, data)
            except OSError:
                self._heard_nothing = True  # nobody reads any more; the recording goes on

    # From the person

    def _listen(self) -> None:
        mode = os.fstat(self._stdin).st_mode
        try:
            self._loop.add_reader(self._stdin, self._guarded, self._take_input)
        except PermissionError:  # a file is always ready, which epoll refuses to say
            if not (stat.S_ISREG(mode) or stat.S_ISCHR(mode)):
                raise
            self._guarded(self._take_file)

    def _deafen(self) -> None:
        self._loop.remove_reader(self._stdin)

    def _take_file(self) -> None:
        while self._take_input():
            pass

    def _take_input(self) -> bool:
        """Take what was typed; return whether more may come."""
        try:
            data = os.read(self._stdin, 65536)
        except BlockingIOError:
            return True
        except OSError:
            data = b""
        if data:
            self._type(data)
            return True
        self._deafen()
        if self._person:
            self._stop()
        elif self._line_mode() & termios.ICANON:
            self._type(b"\x04")  # a program that reads lines is told that there are no more
        return False

    def _type(self, data: bytes) -> None:
        mode = self._line_mode()  # before the program can react
        self._pty.write(data)
        hiding = bool(mode & termios.ICANON and not mode & termios.ECHO)
        if hiding and not self._hiding:
            self._recorder.mark(HIDDEN)
        self._hiding = hiding
        if not hiding and (text := self._typed.decode(data)):
            self._recorder.input(text.encode())

    def _line_mode(self) -> int:
        """Return the local modes of the program's terminal; 0 once nobody has it open."""
        try:
            return int(termios.tcgetattr(self._pty.fd)[3])
        except termios.error:
            return 0

    def _reply(self, data: bytes) -> None:
        with contextlib.suppress(ProgramNotReading):
            self._pty.write(data)
            self._recorder.reply(data)

    def _interrupt(self) -> None:
        if self._interrupted:
            self._stop()
        self._interrupted = True
        self._guarded(lambda: self._type(b"\x03"))

    def _resized(self) -> None:
        size = os.get_terminal_size(self._stdout)
        if size.columns and size.lines and (size.columns, size.lines) != (self._pty.cols, self._pty.rows):
            self._pty.resize(size.columns, size.lines)
            self._recorder.resize(size.columns, size.lines)

    # The person's terminal

    @contextmanager
    def _raw(self) -> Iterator[None]:
        if not self._person:
            yield
            return
        before = termios.tcgetattr(self._stdin)
        try:
            tty.setraw(self._stdin, termios.TCSADRAIN)
            yield
        finally:
            if not self._left_by_itself:
                with contextlib.suppress(OSError):
                    _write_all(self._stdout, (_LEAVE_OTHER_SCREEN if self._elsewhere else b"") + _CALM)
            # Flushing: answers to the program's last queries must not be typed into the person's shell.
            with contextlib.suppress(termios.error):
                termios.tcsetattr(self._stdin, termios.TCSAFLUSH, before)

    @contextmanager
    def _signals(self) -> Iterator[None]:
        handlers = {signal.SIGTERM: self._stop, signal.SIGHUP: self._stop, signal.SIGINT: self._interrupt}
        if self._follow:
            handlers[signal.SIGWINCH] = self._resized
        for number, handler in handlers.items():
            self._loop.add_signal_handler(number, handler)
        try:
            yield
        finally:
            for number in handlers:
                self._loop.remove_signal_handler(number)


def _write_all(fd: int, data: bytes) -> None:
    while data:
        try:
            data = data[os.write(fd, data) :]
        except BlockingIOError:  # whoever started us made it so
            select.select([], [fd], [])
