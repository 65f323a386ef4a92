"""People: a question waits for them, they answer it or type, and give one task after another."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from swarmbot.core.session_model import STALL_S, UNLIMITED, Action, Limits, Paste, Press, State
from tests.core.stage import BUSY, COMPOSER, FILLED, FINISHED, OTHER, TRUST, Stage, edit

PATIENT = Limits(silence_s=30, total_s=100, waiting_s=60)
ENTER = Press(("enter",))


def choosing(stage: Stage, option: int) -> Callable[[float], list[Action]]:
    return lambda at: stage.session.choose(option, at)


@pytest.fixture
def asked() -> Stage:
    """An agent that waits for a person."""
    stage = Stage(limits=PATIENT)
    stage.submitted()
    stage.show(*OTHER, hold=3)
    assert (stage.session.state, stage.told[-1], stage.ending) == (State.WAITING, "question", "")
    stage.forget()
    return stage


def test_a_question_names_its_options(asked: Stage) -> None:
    assert asked.session.question is not None
    assert asked.session.question.options == ("One", "Two")
    assert asked.session.question.text == "Which table?"


def test_a_person_chooses_and_the_mark_is_seen_before_enter(asked: Stage) -> None:
    asked.person(choosing(asked, 1))
    assert asked.sent == [Press(("down",))]
    asked.show("Which table?", "  1. One", "❯ 2. Two", "Enter to select", hold=0.3)
    assert asked.sent == [Press(("down",)), ENTER]
    asked.show(*BUSY, hold=0.3)
    assert asked.session.state is State.BUSY


def test_what_stands_selected_is_confirmed(asked: Stage) -> None:
    asked.person(choosing(asked, 0))
    assert asked.sent == [ENTER]


@pytest.mark.parametrize("option", [-1, 2])
def test_an_option_that_is_not_there_is_refused(asked: Stage, option: int) -> None:
    with pytest.raises(ValueError, match="no question with that option"):
        asked.session.choose(option, asked.now)


def test_it_waits_in_silence_but_not_for_ever(asked: Stage) -> None:
    asked.wait(50)
    assert asked.ending == ""
    asked.wait(20)
    assert asked.ending == "asked"
    assert asked.told == []


def test_the_time_of_waiting_is_not_the_agents(asked: Stage) -> None:
    asked.wait(50)
    for _ in range(8):
        asked.show(*BUSY, hold=10)
    assert asked.ending == ""
    asked.show(*BUSY, hold=20)
    assert asked.ending == "timed_out"


def test_a_question_is_asked_once_for_all_its_drawings(asked: Stage) -> None:
    for frame in range(20):
        asked.show(f"frame {frame}", "", *OTHER, hold=0.5)
    assert asked.told == []


def test_without_autonomy_a_permission_is_a_persons() -> None:
    stage = Stage(limits=PATIENT, autonomy="ask")
    stage.show(*TRUST, hold=0.3)
    assert stage.told == ["prompt trust"]
    stage.submitted()
    stage.show(*edit(), hold=3)
    assert stage.told[-1] == "question edit"
    assert stage.session.state is State.WAITING


def test_an_unknown_screen_that_stands_still_is_a_question() -> None:
    stage = Stage(limits=Limits(silence_s=600, waiting_s=60))
    stage.submitted()
    stage.show("Press any key", hold=STALL_S + 3)
    assert stage.told[-1] == "question"
    assert stage.session.state is State.WAITING


def test_an_agent_without_a_task_waits_for_one() -> None:
    stage = Stage(task=None, stays=True, limits=UNLIMITED)
    stage.show(*COMPOSER, hold=100)
    assert (stage.session.state, stage.sent, stage.told) == (State.READY, [], ["ready"])
    stage.person(lambda at: stage.session.give("Do this", at))
    assert stage.sent == [Paste("Do this")]
    stage.show("❯ Do this", "  ? for shortcuts", hold=0.6)
    stage.show(*BUSY, hold=0.3)
    stage.show(*FINISHED, hold=1.3)
    assert stage.told == ["ready", "busy", "done"]
    assert (stage.session.state, stage.ending) == (State.READY, "")
    with pytest.raises(ValueError, match="takes a task when it is ready"):
        Stage().session.give("Another", 0.0)


def test_a_task_that_a_person_types_is_followed() -> None:
    stage = Stage(task=None, stays=True, limits=UNLIMITED)
    stage.show(*COMPOSER, hold=5)
    stage.show(*FILLED, hold=5)
    stage.session.typed(stage.now, entered=True)
    stage.show(*BUSY, hold=0.3)
    stage.show(*FINISHED, hold=1.3)
    assert (stage.told, stage.sent) == (["ready", "busy", "done"], [])
