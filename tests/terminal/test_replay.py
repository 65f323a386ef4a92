"""Recordings of real programs, replayed: every prompt with its rule and keys, in order, and the moments.

Beside each ``tests/recordings/*.cast`` a ``.json`` says what must be seen: ``prompts`` (what was typed is held against
it), ``questions``, and the ``ready`` and ``done`` moments, in seconds, read off the recording.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from random import Random

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from swarmbot import agents
from swarmbot.core.agent_spec import Mode
from swarmbot.core.screen import KEYS
from swarmbot.terminal.recording import CastEvent, read_cast
from swarmbot.terminal.replay import REPLY, Player, Seen, replay

RECORDINGS = Path(__file__).parents[1] / "recordings"
CASTS = sorted(RECORDINGS.glob("*.cast"))
SPECS = agents.load()
NEAR_S = 2.0


class Expected(msgspec.Struct, forbid_unknown_fields=True):
    """What must be seen in one recording."""

    agent: str
    prompts: tuple[tuple[str, ...], ...] = ()
    """The keys that answer each prompt, in order."""
    rules: tuple[str, ...] = ()
    questions: tuple[str, ...] = ()
    """Words of each question, in order."""
    ready: float | None = None
    done: tuple[float, ...] = ()
    mode: Mode = "interactive"


def expected(path: Path) -> Expected:
    return msgspec.json.decode(path.with_suffix(".json").read_bytes(), type=Expected)


def seen(path: Path) -> list[Seen]:
    header, events = read_cast(path)
    wanted = expected(path)
    return list(replay(header, events, SPECS[wanted.agent], wanted.mode))


def typed(path: Path) -> list[str]:
    """Return what was typed, in pieces: named keys, and texts."""
    names = {code.decode(): name for name, code in KEYS.items()}
    found = []
    for event in read_cast(path)[1]:
        if event.kind == "i" and (text := REPLY.sub("", event.data)):
            found += [names.get(part, part) for part in re.split(r"(\x1b\[[ABCD]|\r|\x1b\[20[01]~)", text) if part]
    return found


@pytest.fixture(params=CASTS, ids=lambda path: path.stem)
def cast(request: pytest.FixtureRequest) -> Path:
    path: Path = request.param
    return path


def test_every_prompt_is_answered_once_and_in_order(cast: Path) -> None:
    prompts = [(one.event.rule, one.event.keys) for one in seen(cast) if one.event.event == "prompt"]
    wanted = expected(cast)
    assert prompts == list(zip(wanted.rules, wanted.prompts, strict=True))


def test_the_keys_are_those_that_were_typed(cast: Path) -> None:
    """Held against the recording itself: its person's keys, in their order, hold the answers' keys in theirs."""
    keys = iter(typed(cast))
    for answer in expected(cast).prompts:
        for key in answer:
            assert key in keys, f"{key} of {answer} was not typed there"


def test_ready_and_done_are_seen_near_their_moments(cast: Path) -> None:
    wanted = expected(cast)
    events = seen(cast)
    ready = [one.t for one in events if one.event.event == "ready"]
    done = [one.t for one in events if one.event.event == "done"]
    assert ready == ([] if wanted.ready is None else [pytest.approx(wanted.ready, abs=NEAR_S)])
    assert done == [pytest.approx(moment, abs=NEAR_S) for moment in wanted.done]
    assert [one.event.event for one in events][-1:] == ["exit"]


def test_what_no_rule_may_answer_becomes_a_question(cast: Path) -> None:
    questions = [one.event for one in seen(cast) if one.event.event == "question"]
    wanted = expected(cast).questions
    assert len(questions) == len(wanted), questions
    for question, words in zip(questions, wanted, strict=True):
        assert words in question.detail


def test_each_agent_with_a_screen_has_recordings() -> None:
    recorded = {expected(path).agent for path in CASTS}
    assert recorded >= {name for name, spec in SPECS.items() if spec.screen}


def split(path: Path, sizes: Iterator[int]) -> list[tuple[str, str, tuple[str, ...]]]:
    """Replay a recording with its output cut into pieces of ``sizes`` bytes, in the middle of whatever stands there."""
    header, events = read_cast(path)
    player = Player(header, SPECS[expected(path).agent], expected(path).mode)
    found: list[Seen] = []
    for event in events:
        found += player.until(event.t)
        if event.kind != "o":
            found += player.take(event)
            continue
        data = event.data.encode()
        while data:
            size = next(sizes)
            found += player.output(data[:size])
            data = data[size:]
    found += player.end()
    return told(found)


def told(events: list[Seen]) -> list[tuple[str, str, tuple[str, ...]]]:
    return [(one.event.event, one.event.rule, one.event.keys) for one in events]


@settings(max_examples=2, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 2**32), longest=st.integers(200, 3000))
def test_output_that_is_cut_anywhere_gives_the_same_events(cast: Path, seed: int, longest: int) -> None:
    random = Random(seed)
    assert split(cast, iter(lambda: random.randint(1, longest), 0)) == told(seen(cast))


@pytest.mark.full
@pytest.mark.timeout(900)
def test_output_that_is_cut_at_every_byte_gives_the_same_events(cast: Path) -> None:
    assert split(cast, iter(lambda: 1, 0)) == told(seen(cast))


def test_a_recording_without_what_was_typed_gives_the_same_prompts(cast: Path) -> None:
    header, events = read_cast(cast)
    mute = (event for event in events if event.kind != "i")
    wanted = expected(cast)
    found = list(replay(header, mute, SPECS[wanted.agent], wanted.mode))
    assert [one.event.rule for one in found if one.event.event == "prompt"] == list(wanted.rules)


def test_a_terminal_that_changes_its_size_is_followed() -> None:
    header, events = read_cast(RECORDINGS / "claude-edit.cast")
    resized = [CastEvent(0.0, "r", "120x40"), *events]
    assert told(list(replay(header, resized, SPECS["claude"]))) == told(seen(RECORDINGS / "claude-edit.cast"))
