"""``issue_comment``: real payloads, and what is done to them by people and by whoever makes payloads up."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from swarmbot.core.model import Request, User
from swarmbot.events import Malformed
from swarmbot.events.issue_comment import read

PAYLOADS = Path(__file__).parent / "payloads"


def payload(name: str = "issue_comment-created", **changes: Any) -> bytes:
    """A real payload, with ``comment__body="x"`` in place of what stands there; None takes a field away."""
    event = json.loads((PAYLOADS / f"{name}.json").read_text())
    for path, value in changes.items():
        *outer, last = path.split("__")
        inner = event
        for key in outer:
            inner = inner[key]
        if value is None:
            del inner[last]
        else:
            inner[last] = value
    return json.dumps(event).encode()


def request(body: bytes, delivery: str = "d-1") -> Request:
    found = read(body, delivery)
    assert found is not None
    return found


def test_a_new_comment_is_a_request() -> None:
    found = request(payload())
    assert found.text == "You are totally right! I'll get this fixed right away."
    assert found.sender == User(21031067, "Codertocat", "User")
    assert (found.repository.full_name, found.repository.id) == ("Codertocat/Hello-World", 186853002)
    assert (found.repository.default_branch, found.repository.installation_id) == ("master", 1)
    assert (found.thread.number, found.thread.is_pull) == (1, False)
    assert found.thread.title == "Spelling error in the README file"
    assert found.thread.url == "https://github.com/Codertocat/Hello-World/issues/1"
    assert (found.comment_id, found.label, found.delivery) == (492700400, None, "d-1")


def test_a_comment_on_a_pull_request_is_told_apart() -> None:
    assert request(payload(issue__pull_request={"url": "https://api.github.com/pulls/1"})).thread.is_pull


@pytest.mark.parametrize(
    "body",
    [
        payload("issue_comment-edited", installation={"id": 1}),
        payload("issue_comment-deleted", installation={"id": 1}),
        payload("issue_comment-created-without-installation"),
        payload(action="pinned"),
        payload(sender__type="Bot"),
        payload(sender__type="Organization"),
    ],
    ids=["edited", "deleted", "no installation", "an action of tomorrow", "a bot", "an organization"],
)
def test_nobody_asked_for_anything(body: bytes) -> None:
    assert read(body, "d-1") is None


def test_nothing_but_what_is_read_needs_to_be_there() -> None:
    lean = {
        "action": "created",
        "comment": {"id": 5, "body": None},
        "issue": {"number": 2, "title": "T", "body": None},
        "repository": {"id": 3, "full_name": "a/b"},
        "sender": {"id": 4, "login": "c"},
        "installation": {"id": 6},
    }
    found = request(json.dumps(lean).encode())
    assert (found.text, found.thread.body, found.repository.default_branch) == ("", "", "main")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"null",
        b"{",
        b"\xff\xfe",
        b'{"action": "created"}',
        b"[" * 100_000,
        payload(comment=None),
        payload(issue=None),
        payload(repository=None),
        payload(sender=None),
        payload(comment__id=None),
        payload(comment__id="5"),
        payload(issue__number=None),
        payload(issue__number="1"),
        payload(sender__login=None),
        payload(repository__full_name=7),
        payload(installation__id=None),
        payload(comment__body=["/agent fix"]),
    ],
)
def test_what_is_no_such_event_is_malformed(body: bytes) -> None:
    with pytest.raises(Malformed):
        read(body, "d-1")


def test_the_key_is_that_of_the_words_and_not_of_the_delivery() -> None:
    key = request(payload()).key
    assert request(payload(), "d-2").key == key
    assert request(payload(comment__body="/agent fix")).key != key
    assert request(payload(comment__id=5)).key != key
    assert request(payload(repository__id=5)).key != key
