"""``swarmbot replay``: what a session sees in a recording, as JSON lines or for people."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import msgspec

from swarmbot.core.agent_spec import AgentSpec, Mode
from swarmbot.terminal.recording import CastEvent, RecordingError, read_cast
from swarmbot.terminal.replay import Seen, replay

MOST_CELLS = 4096
"""Columns or rows; more is no terminal, and would only fill the memory."""

_FRAMES = re.compile("[\u2500-\u257f]+")
"""Box drawing, which says nothing in one line."""
_SIZE = re.compile(r"([1-9]\d{0,4})x([1-9]\d{0,4})", re.ASCII)


def main(spec: AgentSpec, file: Path, mode: Mode, *, as_json: bool) -> int:
    """Print each event as it is found; return the exit code: 2 where ``file`` is no recording, or is damaged."""
    line = json_line if as_json else text_line
    try:
        for seen in watch(file, spec, mode):
            sys.stdout.buffer.write(line(seen).encode() + b"\n")
            sys.stdout.buffer.flush()
    except RecordingError as error:
        sys.stderr.write(f"swarmbot: {error}\n")
        return 2
    except BrokenPipeError:
        # Whoever read has seen enough. Python flushes the stream once more at its end, which must not fail again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0


def watch(file: Path, spec: AgentSpec, mode: Mode = "interactive") -> Iterator[Seen]:
    """Yield what a session sees in a recording. Raises :class:`RecordingError`, also when it comes to a bad line."""
    header, events = read_cast(file)
    _check_size(file, "line 1", header.width, header.height)
    yield from replay(header, _checked(file, events), spec, mode)


def json_line(seen: Seen) -> str:
    """Return an event as one line of JSON. A field that says nothing is left out."""
    event = seen.event
    fields: dict[str, Any] = {"t": seen.t, "event": event.event}
    if event.event in ("prompt", "question"):
        fields |= {"rule": event.rule, "keys": event.keys}
    if event.event == "question":
        fields |= {"detail": event.detail, "options": event.options}
    return msgspec.json.encode({name: value for name, value in fields.items() if value not in ("", ())}).decode()


def text_line(seen: Seen) -> str:
    """Return an event as one line for people."""
    event, what = seen.event, ""
    if event.event == "prompt":
        what = f"{event.rule:<20}  {' '.join(event.keys)}"
    elif event.event == "question":
        what = question_text(seen)
    return f"{seen.t:9.2f} s  {event.event:<8}  {what}".rstrip()


def question_text(seen: Seen) -> str:
    """Return what a question asks and offers, in one line."""
    words = [seen.event.rule and f"({seen.event.rule})", one_line(seen.event.detail)]
    options = " | ".join(seen.event.options)
    return " ".join(word for word in (*words, options and f"[{options}]") if word)


def one_line(rows: str) -> str:
    """Return what rows of a screen say, in one line and without the boxes around it."""
    return " ".join(_FRAMES.sub(" ", rows).split())


def _checked(file: Path, events: Iterable[CastEvent]) -> Iterator[CastEvent]:
    for event in events:
        if event.kind == "r":
            where = f"the new size at {event.t} s"
            found = _SIZE.fullmatch(event.data)
            if found is None:
                raise RecordingError(f"{file} is damaged: {where}: {event.data[:40]!r}")
            _check_size(file, where, int(found[1]), int(found[2]))
        yield event


def _check_size(file: Path, where: str, cols: int, rows: int) -> None:
    if not (0 < cols <= MOST_CELLS and 0 < rows <= MOST_CELLS):
        raise RecordingError(f"{file} is damaged: {where}: no terminal has {cols} x {rows} cells")
