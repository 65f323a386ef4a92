"""GitHub's events, one file each, joined here: to add one, write its file, name it in ``ALL`` and in the manifest."""

from __future__ import annotations

from collections.abc import Callable

from swarmbot.core.model import Request
from swarmbot.events import issue_comment, issues
from swarmbot.events.payload import Malformed

Reader = Callable[[bytes, str], Request | None]
"""Takes the payload and the delivery id; None means that nobody asked for anything."""

ALL: dict[str, Reader] = {
    "issue_comment": issue_comment.read,
    "issues": issues.read,
}

__all__ = ["ALL", "Malformed", "Reader"]
