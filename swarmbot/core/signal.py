"""What an agent's own hooks tell the bot, beside what is on its screen. Pure."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from swarmbot.core.agent_spec import Signals

SignalName = Literal["submitted", "done", "asks", "failed"]
"""``submitted``: the task was taken. ``done``: the turn is over, by itself. ``asks``: a person is waited for.
``failed``: the turn ended with an error."""


class Signal(msgspec.Struct, frozen=True):
    """One moment that the program told of."""

    name: SignalName
    says: str = ""
    """What the agent said last; not redacted."""
    session: str = ""
    """The program's own name of its session."""


class _Envelope(msgspec.Struct, frozen=True):
    name: SignalName
    payload: str = ""


def read_signal(data: bytes, keys: Signals) -> Signal | None:
    """Read what the signal command sent: its moment and the hook's payload. None where it is no signal."""
    try:
        envelope = msgspec.json.decode(data, type=_Envelope)
    except msgspec.MsgspecError:
        return None
    try:
        payload = msgspec.json.decode(envelope.payload)
    except msgspec.MsgspecError:
        return Signal(envelope.name)
    return Signal(envelope.name, says=_first(payload, keys.says), session=_first(payload, keys.session))


def lookup(record: object, path: str) -> Any:
    """Return what stands at a dotted path in nested tables and lists; None where there is nothing."""
    for part in path.split("."):
        if isinstance(record, dict):
            record = record.get(part)
        elif isinstance(record, list) and part.lstrip("-").isdigit() and -len(record) <= int(part) < len(record):
            record = record[int(part)]
        else:
            return None
    return record


def _first(payload: object, paths: tuple[str, ...]) -> str:
    found = (lookup(payload, path) for path in paths)
    return next((value for value in found if isinstance(value, str)), "")
