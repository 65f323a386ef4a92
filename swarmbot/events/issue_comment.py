"""``issue_comment``: somebody wrote a comment on an issue or a pull request."""

from __future__ import annotations

import hashlib

import msgspec

from swarmbot.core.model import Request
from swarmbot.events import payload


class Comment(msgspec.Struct):
    """The comment."""

    id: int
    body: str | None = None


class Payload(msgspec.Struct):
    """The fields that are read."""

    action: str
    comment: Comment
    issue: payload.Issue
    repository: payload.Repository
    sender: payload.User
    installation: payload.Installation | None = None


def read(body: bytes, delivery: str) -> Request | None:
    """Return what a new comment asks for; None for other actions and for comments by bots.

    Raises :class:`~swarmbot.events.payload.Malformed`.
    """
    event = payload.decode(body, Payload)
    if event.action != "created" or event.installation is None or event.sender.type != "User":
        return None
    text = event.comment.body or ""
    digest = hashlib.sha256(text.encode()).hexdigest()[:16]
    return Request(
        key=f"comment:{event.repository.id}:{event.comment.id}:{digest}",
        delivery=delivery,
        repository=event.repository.model(event.installation),
        thread=event.issue.model(),
        sender=event.sender.model(),
        text=text,
        comment_id=event.comment.id,
    )
