"""Takes secrets out of a finished recording that are spread over several of its events: typed key by key, say."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec

from swarmbot.core.redact import HIDDEN
from swarmbot.terminal.recording import CastEvent, RecordingError, read_cast

SHORTEST = 6
"""Shorter values are no secrets; hiding them would only make the recording unreadable."""


def scrub(path: Path, secrets: Iterable[str]) -> None:
    """Rewrite the recording without ``secrets``; a file that holds none of them stays as it is.

    What a program wrote is searched as one text, and so is what was typed. Raises :class:`RecordingError`.
    """
    wanted = sorted({secret for secret in secrets if len(secret) >= SHORTEST}, key=len, reverse=True)
    _, events = read_cast(path)
    kept = list(events)
    clean = _without(_without(kept, "o", wanted), "i", wanted)
    if clean == kept:
        return
    other = path.with_name(path.name + ".clean")
    try:
        with (
            path.open("rb") as old,
            os.fdopen(os.open(other, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as new,
        ):
            new.write(old.readline())
            new.writelines(msgspec.json.encode(event) + b"\n" for event in clean)
        other.replace(path)
    except OSError as error:
        raise RecordingError(f"{path} holds a secret and cannot be rewritten: {error.strerror}") from error


def _without(events: list[CastEvent], kind: str, secrets: list[str]) -> list[CastEvent]:
    text = "".join(event.data for event in events if event.kind == kind)
    hidden = _spans(text, secrets)
    if not hidden:
        return events
    found, at = [], 0
    for event in events:
        if event.kind != kind:
            found.append(event)
            continue
        end = at + len(event.data)
        found.append(msgspec.structs.replace(event, data="".join(_visible(text, at, end, hidden))))
        at = end
    return found


def _spans(text: str, secrets: list[str]) -> list[tuple[int, int]]:
    """Return where secrets stand, in order, without overlaps."""
    found = []
    for secret in secrets:
        at = text.find(secret)
        while at >= 0:
            found.append((at, at + len(secret)))
            at = text.find(secret, at + len(secret))
    joined: list[tuple[int, int]] = []
    for start, end in sorted(found):
        if joined and start < joined[-1][1]:
            joined[-1] = joined[-1][0], max(end, joined[-1][1])
        else:
            joined.append((start, end))
    return joined


def _visible(text: str, at: int, end: int, hidden: list[tuple[int, int]]) -> Iterator[str]:
    """Yield what may be seen of one event, which is ``text[at:end]``."""
    for start, stop in hidden:
        if stop <= at or start >= end:
            continue
        yield text[at:start]
        if start >= at:
            yield HIDDEN
        at = min(stop, end)
    yield text[at:end]
