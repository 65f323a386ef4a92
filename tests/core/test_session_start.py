"""The beginning: a composer that is not one yet, a paste that would be lost, and what blinks."""

from __future__ import annotations

from swarmbot.core.session_model import PASTE_MODE_S, QUIET_WITHOUT_SIGNAL_S, STALL_S, STARTING_S, Limits, Paste, Press
from tests.core.stage import AGENT, BUSY, COMPOSER, FILLED, FINISHED, Stage

ENTER = Press(("enter",))
BEGINS = AGENT.replace("[leave]", "starting = '^❯\\s*\\n\\s+just a moment$'\n[leave]")
MOMENT = ("❯", "  just a moment")
NEVER = Limits(silence_s=1000, total_s=1000)


def test_what_may_still_begin_must_hold_for_longer() -> None:
    stage = Stage(BEGINS)
    stage.show(*MOMENT, hold=STARTING_S - 0.2)
    assert stage.told == []
    stage.show("Do you see this?", hold=0.3)
    stage.show(*MOMENT, hold=STARTING_S + 0.1)
    assert stage.told == ["ready"]


def test_what_has_begun_is_ready_at_once() -> None:
    stage = Stage(BEGINS)
    stage.show(*COMPOSER, hold=0.2)
    assert stage.told == ["ready"]


def test_the_paste_waits_until_the_program_takes_pastes() -> None:
    stage = Stage()
    stage.bracketed_paste = False
    stage.show(*COMPOSER, hold=0.5)
    assert (stage.told, stage.sent) == (["ready"], [])
    stage.bracketed_paste = True
    stage.show(*COMPOSER, hold=0.1)
    assert stage.sent == [Paste("Fix it")]


def test_a_program_that_never_takes_pastes_gets_its_task_all_the_same() -> None:
    stage = Stage()
    stage.bracketed_paste = False
    stage.show(*COMPOSER, hold=PASTE_MODE_S + 0.1)
    assert stage.sent == [Paste("Fix it")]


def test_a_task_is_not_sent_into_a_screen_that_turned_out_to_be_an_error() -> None:
    stage = Stage()
    stage.show(*COMPOSER, hold=0.3)
    stage.show("Select login method:", "> Fix it", hold=3)
    assert ENTER not in stage.sent
    assert stage.ending == "login_needed"


def test_a_screen_that_is_cleared_before_it_is_drawn_again_has_held_all_the_time() -> None:
    stage = Stage()
    stage.submitted()
    for _ in range(12):
        stage.show(*FINISHED, hold=0.1)
        stage.show(hold=0.01)
    stage.show(*FINISHED)
    assert "done" in stage.told


def test_a_screen_that_was_away_has_not_held() -> None:
    stage = Stage()
    stage.submitted()
    for _ in range(12):
        stage.show(*FINISHED, hold=0.1)
        stage.show(hold=0.05)
    assert "done" not in stage.told


def test_an_agent_that_took_its_task_and_shows_no_work_is_a_question() -> None:
    stage = Stage(limits=NEVER)
    stage.show(*COMPOSER, hold=0.3)
    stage.show(*FILLED, hold=0.6)
    stage.show(*COMPOSER, hold=STALL_S + 1)
    assert (stage.ending, stage.told[-1]) == ("asked", "question")
    assert "done" not in stage.told


def test_an_error_without_any_work_before_it_is_that_error() -> None:
    stage = Stage(limits=NEVER)
    stage.show(*COMPOSER, hold=0.3)
    stage.show(*FILLED, hold=0.6)
    stage.show("❯ Fix it", "  ⎿  Invalid API key", *COMPOSER, hold=QUIET_WITHOUT_SIGNAL_S + 0.3)
    assert stage.ending == "key_refused"


def test_enter_in_an_empty_composer_sends_nothing() -> None:
    stage = Stage(task=None, stays=True)
    stage.show(*COMPOSER, hold=1)
    stage.session.typed(stage.now, entered=True)
    stage.show(*BUSY, hold=0.3)
    stage.show(*FINISHED, hold=1.3)
    assert stage.told == ["ready", "busy", "done"]
