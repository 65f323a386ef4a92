"""``issues``: real payloads; only a label ``agent`` or ``agent:NAME`` that a person puts on asks for anything."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from swarmbot.core import grammar
from swarmbot.core.model import Request
from swarmbot.events import Malformed
from swarmbot.events.issues import read

PAYLOADS = Path(__file__).parent / "payloads"


def payload(label: str | None = "agent", name: str = "issues-labeled", sender: str = "User", **changes: Any) -> bytes:
    event = json.loads((PAYLOADS / f"{name}.json").read_text())
    event |= {"installation": {"id": 1}, **changes}
    event["sender"]["type"] = sender
    if label is not None:
        event["label"] = {**event.get("label", {}), "name": label}
    return json.dumps(event).encode()


def request(body: bytes, delivery: str = "d-1") -> Request:
    found = read(body, delivery)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("label", "text"),
    [("agent", "/agent fix"), ("agent:claude", "/agent fix with claude"), ("agent: pi", "/agent fix with pi")],
)
def test_the_label_stands_for_a_command(label: str, text: str) -> None:
    found = request(payload(label))
    assert (found.text, found.label, found.comment_id) == (text, label, None)
    assert found.thread.number == 1
    assert len(grammar.find(found.text, "swarmbot")) == 1


@pytest.mark.parametrize("label", ["bug", "agents", "agent:", "agent: ", "my agent", "", "Agent smith", "agent claude"])
def test_another_label_asks_for_nothing(label: str) -> None:
    assert read(payload(label), "d-1") is None


@pytest.mark.parametrize(
    "body",
    [
        payload(None, "issues-opened"),
        payload("agent", "issues-unlabeled"),
        payload(sender="Bot"),
        payload(installation=None),
        payload(label=None, action="labeled", name="issues-opened"),
    ],
    ids=["opened with it", "taken off", "put on by a bot", "no installation", "no label named"],
)
def test_nobody_asked_for_anything(body: bytes) -> None:
    assert read(body, "d-1") is None


@pytest.mark.parametrize(
    "body", [b"", b"{}", b'"labeled"', payload(issue={}), payload(repository={"id": 1}), payload(sender_id=0)[:-1]]
)
def test_what_is_no_such_event_is_malformed(body: bytes) -> None:
    with pytest.raises(Malformed):
        read(body, "d-1")


def test_the_key_is_that_of_the_moment_and_not_of_the_delivery() -> None:
    key = request(payload()).key
    assert request(payload(), "d-2").key == key
    assert request(payload("agent:pi")).key != key
    event = json.loads(payload())
    event["issue"]["updated_at"] = "2019-05-15T15:20:19Z"
    assert request(json.dumps(event).encode()).key != key


def test_a_label_cannot_bring_a_second_command() -> None:
    found = request(payload("agent:pi\n/agent help"))
    assert [invocation.verb for invocation in grammar.find(found.text, "swarmbot")] == ["fix"]
