"""Writes a terminal session to an asciinema v2 file as it happens, and reads such files.

Format: https://docs.asciinema.org/manual/asciicast/v2/ - a JSON header, then a JSON line ``[seconds, kind, data]`` an
event: ``o`` output, ``i`` input, ``r`` resize, ``m`` marker.
"""

from __future__ import annotations

import codecs
import os
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Literal, Self

import msgspec
import structlog

_log = structlog.get_logger()

Kind = Literal["o", "i", "r", "m"]

FLUSH_S = 0.1
"""How long an event may stay in memory: what a crash of the worker can cost."""

_BUFFER_BYTES = 65536


class RecordingError(Exception):
    """A recording cannot be written, or is none; the text names the file."""


class Header(msgspec.Struct, frozen=True, omit_defaults=True):
    """The first line of a recording."""

    version: Literal[2]
    width: int
    height: int
    timestamp: float | None = 0
    """When the recording was begun, in seconds since 1970."""
    title: str | None = ""


class CastEvent(msgspec.Struct, frozen=True, array_like=True):
    """One line of a recording after the first."""

    t: float
    """Seconds since the recording was begun."""
    kind: str
    """One of ``Kind``; other programs write others, which are to be overlooked."""
    data: str


def exit_mark(code: int | None, signal: int | None) -> str:
    """Return the marker that says how the program ended."""
    return f"exit: code {code}" if signal is None else f"exit: signal {signal}"


def read_exit_mark(text: str) -> tuple[int | None, int | None] | None:
    """Return exit code and signal of such a marker; None where it is another one."""
    found = re.fullmatch(r"exit: (code|signal) (\d+)", text)
    if found is None:
        return None
    number = int(found[2])
    return (number, None) if found[1] == "code" else (None, number)


class Recorder:
    """Records one session. Events are on disk ``FLUSH_S`` later at most, if :meth:`flush` is called while it is quiet.

    ``clock`` gives seconds that only grow. Output beyond ``limit`` bytes of file is left out, which a marker says; what
    was typed by us stays in. ``redact`` is applied to the text of every event by itself. The file is new and only for
    its owner; :class:`RecordingError` if it exists already or cannot be made. A disk that fails later ends the
    recording, not the session: it is logged.
    """

    def __init__(
        self,
        path: Path,
        *,
        cols: int,
        rows: int,
        title: str = "",
        clock: Callable[[], float] = time.monotonic,
        limit: int = 50_000_000,
        redact: Callable[[str], str] | None = None,
    ) -> None:
        self.path = path
        self._clock, self._limit, self._redact = clock, limit, redact or (lambda text: text)
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        try:
            self._fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise RecordingError(f"The session cannot be recorded in {path}: {error.strerror}") from error
        self._began = self._flushed = clock()
        self._written, self._full, self._failed, self._closed = 0, False, False, False
        self._buffer = bytearray()
        self._line(msgspec.json.encode(Header(2, cols, rows, int(time.time()), title)))
        self.flush()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def output(self, data: bytes) -> None:
        """Record what the program wrote; a character may be cut between two calls."""
        if not self._full and (text := self._decoder.decode(data)):
            self._event("o", text)

    def reply(self, data: bytes) -> None:
        """Record what the terminal itself answered; counts as output for the limit, as the program causes it."""
        if not self._full:
            self._event("i", data.decode(errors="replace"))

    def input(self, data: bytes) -> None:
        """Record what was typed."""
        self._event("i", data.decode(errors="replace"))
        self.flush()

    def resize(self, cols: int, rows: int) -> None:
        """Record a new size."""
        self._event("r", f"{cols}x{rows}")

    def mark(self, text: str) -> None:
        """Record a marker, which players show as a chapter."""
        self._event("m", text)
        self.flush()

    def flush(self) -> None:
        """Hand everything to the operating system."""
        waiting = memoryview(bytes(self._buffer))
        self._buffer.clear()
        self._flushed = self._clock()
        if self._failed or self._closed:
            return
        try:
            while waiting:
                waiting = waiting[os.write(self._fd, waiting) :]
        except OSError as error:
            self._failed = True
            _log.error("recording_failed", path=str(self.path), error=error.strerror)

    def close(self) -> None:
        """Write what is left and close the file. Idempotent."""
        if self._closed:
            return
        if not self._full and (rest := self._decoder.decode(b"", final=True)):
            self._event("o", rest)
        self.flush()
        self._closed = True
        os.close(self._fd)

    def _event(self, kind: Kind, text: str) -> None:
        moment = round(self._clock() - self._began, 6)
        self._line(msgspec.json.encode(CastEvent(moment, kind, self._redact(text))))
        if kind == "o" and self._written >= self._limit:
            self._full = True
            self.mark(f"The recording has reached its limit of {self._limit} bytes; later output is left out.")
        if len(self._buffer) >= _BUFFER_BYTES or self._clock() - self._flushed >= FLUSH_S:
            self.flush()

    def _line(self, line: bytes) -> None:
        self._buffer += line + b"\n"
        self._written += len(line) + 1


def read_cast(path: Path) -> tuple[Header, Iterator[CastEvent]]:
    """Return the header of a recording and its events in order.

    A torn last line, as a crash leaves it, is left out. Raises :class:`RecordingError` if the file cannot be read or is
    no asciinema v2 file; for a bad line in the middle, the iterator raises it when it comes to it.
    """
    try:
        with path.open("rb") as file:
            header = msgspec.json.decode(file.readline(), type=Header)
    except OSError as error:
        raise RecordingError(f"{path} cannot be read: {error.strerror}") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise RecordingError(f"{path} is no asciinema v2 recording: line 1: {error}") from error
    return header, _events(path)


def _events(path: Path) -> Iterator[CastEvent]:
    decoder = msgspec.json.Decoder(CastEvent)
    with path.open("rb") as file:
        file.readline()
        for number, line in enumerate(file, start=2):
            if not line.strip():
                continue
            try:
                yield decoder.decode(line)
            except (msgspec.DecodeError, UnicodeDecodeError) as error:
                if not line.endswith(b"\n"):
                    return
                raise RecordingError(f"{path} is damaged: line {number}: {error}") from error
