"""``issues``: a label was put on an issue. ``agent`` means ``/agent fix``, ``agent:NAME`` ``/agent fix with NAME``.

An issue that is opened with labels sends ``opened`` and one ``labeled`` for each: only ``labeled`` is read.
"""

from __future__ import annotations

import msgspec

from swarmbot.core.model import Request
from swarmbot.events import payload

LABEL = "agent"


class Label(msgspec.Struct):
    """The label."""

    name: str


class Payload(msgspec.Struct):
    """The fields that are read."""

    action: str
    issue: payload.Issue
    repository: payload.Repository
    sender: payload.User
    label: Label | None = None
    installation: payload.Installation | None = None


def read(body: bytes, delivery: str) -> Request | None:
    """Return what the label asks for; None for other actions, other labels and labels put on by bots.

    Raises :class:`~swarmbot.events.payload.Malformed`.
    """
    event = payload.decode(body, Payload)
    if event.action != "labeled" or event.installation is None or event.sender.type != "User" or event.label is None:
        return None
    name, colon, agent = event.label.name.partition(":")
    if name != LABEL or (colon and not agent.strip()):
        return None
    return Request(
        # The moment keeps a label that is taken off and put on again apart from one delivered twice.
        key=f"label:{event.repository.id}:{event.issue.number}:{event.label.name}:{event.issue.updated_at}",
        delivery=delivery,
        repository=event.repository.model(event.installation),
        thread=event.issue.model(),
        sender=event.sender.model(),
        text=f"/agent fix with {' '.join(agent.split())}" if colon else "/agent fix",
        label=event.label.name,
    )
