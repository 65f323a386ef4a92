"""What the program's own hooks tell: they are evidence, and the screen is not hurried past."""

from __future__ import annotations

from tests.core.stage import AGENT, BUSY, COMPOSER, FILLED, FINISHED, TELLS, Stage

ERROR = ("❯ Fix it", "  ⎿  Invalid API key", "", *COMPOSER)


def test_an_agent_that_tells_is_waited_for_when_it_is_quiet_without_its_word() -> None:
    stage = Stage(TELLS, told=True)
    stage.submitted()
    stage.show(*FINISHED, hold=7)
    assert "done" not in stage.told
    stage.wait(1.5)
    assert "done" in stage.told


def test_its_word_ends_it_as_soon_as_the_screen_is_ready() -> None:
    stage = Stage(TELLS, told=True)
    stage.submitted()
    stage.signal("done", says="All is well.")
    assert "done" not in stage.told
    stage.show(*FINISHED, hold=1.3)
    stage.exit(0)
    assert stage.session.outcome is not None
    assert (stage.ending, stage.session.outcome.summary) == ("done", "All is well.")
    assert stage.session.outcome.session == "s-1"


def test_a_turn_that_was_too_quick_to_be_seen_is_done_by_its_word() -> None:
    stage = Stage(TELLS, told=True)
    stage.show(*COMPOSER, hold=0.2)
    stage.show(*FILLED, hold=0.6)
    stage.signal("submitted")
    stage.signal("done")
    stage.show(*COMPOSER, hold=1.2)
    assert stage.told == ["ready", "busy", "done"]


def test_a_word_before_the_task_was_sent_is_about_something_else() -> None:
    stage = Stage(TELLS, told=True)
    stage.show(*COMPOSER, hold=0.2)
    stage.signal("done")
    stage.show(*COMPOSER, hold=30)
    assert "done" not in stage.told


def test_a_word_while_it_is_busy_again_is_not_believed_before_it_is_ready() -> None:
    stage = Stage(TELLS, told=True)
    stage.submitted()
    stage.signal("done")
    for _ in range(5):
        stage.show(*BUSY, hold=2)
    assert "done" not in stage.told


def test_without_the_socket_the_screen_decides() -> None:
    stage = Stage(TELLS, told=False)
    stage.submitted()
    stage.show(*FINISHED, hold=1.2)
    assert "done" in stage.told


def test_a_failed_turn_is_the_error_on_the_screen() -> None:
    stage = Stage(TELLS, told=True)
    stage.submitted()
    stage.signal("failed")
    stage.show(*ERROR, hold=4)
    assert stage.ending == "key_refused"


def test_an_error_that_the_agents_last_words_quote_is_no_error_when_it_tells_that_it_is_done() -> None:
    stage = Stage(TELLS, told=True)
    stage.submitted()
    stage.signal("done", says="Invalid API key")
    stage.show(*ERROR, hold=1.3)
    assert "done" in stage.told


def test_an_error_ends_a_session_that_tells_nothing() -> None:
    stage = Stage(AGENT)
    stage.submitted()
    stage.show(*ERROR, hold=4)
    assert stage.session.outcome is not None
    assert (stage.ending, stage.session.outcome.cause) == ("key_refused", "⎿ Invalid API key")
    assert "done" not in stage.told


def test_an_error_that_was_overcome_is_none() -> None:
    stage = Stage(AGENT)
    stage.submitted()
    stage.show("  ⎿  Invalid API key", *(f"line {n}" for n in range(20)), *FINISHED, hold=1.5)
    assert "done" in stage.told


def test_a_login_screen_is_an_error_and_no_question() -> None:
    stage = Stage(AGENT)
    stage.show("Select login method:", "❯ 1. Subscription", "  2. API key", "Enter to select", hold=3)
    assert (stage.ending, stage.sent) == ("login_needed", [])


def test_a_program_that_ends_with_an_error_on_its_screen_ended_for_it() -> None:
    stage = Stage(AGENT)
    stage.submitted()
    stage.show("  ⎿  Invalid API key")
    stage.exit(1)
    assert stage.ending == "key_refused"
