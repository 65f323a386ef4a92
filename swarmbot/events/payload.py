"""The parts that payloads share: only the fields that are read, so that a new or missing field elsewhere never matters.

Sizes and spellings are GitHub's (docs.github.com, "Webhook events and payloads").
"""

from __future__ import annotations

from typing import Any, TypeVar

import msgspec

from swarmbot.core import model


class Malformed(ValueError):
    """A payload lacks what its event is defined by."""


class User(msgspec.Struct):
    """Who did it."""

    id: int
    login: str
    type: str = "User"

    def model(self) -> model.User:
        """Return it as the rest of the bot knows it."""
        return model.User(self.id, self.login, self.type)


class Installation(msgspec.Struct):
    """Through which installation the event came; repository webhooks of other kinds have none."""

    id: int


class Repository(msgspec.Struct):
    """Where it happened."""

    id: int
    full_name: str
    default_branch: str = "main"

    def model(self, installation: Installation) -> model.Repository:
        """Return it as the rest of the bot knows it."""
        return model.Repository(self.id, self.full_name, self.default_branch, installation.id)


class Issue(msgspec.Struct):
    """An issue or, when ``pull_request`` is there, a pull request."""

    number: int
    title: str
    body: str | None = None
    html_url: str = ""
    updated_at: str = ""
    pull_request: dict[str, Any] | None = None

    def model(self) -> model.Thread:
        """Return it as the rest of the bot knows it."""
        return model.Thread(self.number, self.title, self.body or "", self.pull_request is not None, self.html_url)


T = TypeVar("T", bound=msgspec.Struct)


def decode(body: bytes, kind: type[T]) -> T:
    """Decode a payload into ``kind``, unknown fields ignored. Raises :class:`Malformed`."""
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise Malformed(str(error)) from error
