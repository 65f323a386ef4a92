"""What the machine might do to itself: take its own paste for the agent's words, press Enter into another screen."""

from __future__ import annotations

from swarmbot.core.session_model import Paste, Press
from tests.core.stage import AGENT, BUSY, COMPOSER, FINISHED, OTHER, Stage, edit

ENTER = Press(("enter",))


def test_a_task_that_quotes_the_busy_line_is_sent_all_the_same() -> None:
    stage = Stage()
    stage.show(*COMPOSER, hold=0.2)
    stage.show("❯ it hangs at (esc to interrupt)", "  ? for shortcuts", hold=0.6)
    assert stage.sent[-1] == ENTER


def test_a_task_that_quotes_the_done_line_is_not_done_before_it_was_sent() -> None:
    stage = Stage()
    stage.show(*COMPOSER, hold=0.2)
    stage.show("❯ It said", "✻ Worked for 3s", "❯", "  ? for shortcuts", hold=9.0)
    assert "done" not in stage.told
    assert Press(tuple("/exit")) not in stage.sent


def test_a_task_that_quotes_a_menu_is_no_question() -> None:
    stage = Stage()
    stage.session.task = "It shows\n❯ 1. One\n  2. Two\nand waits"
    stage.show(*COMPOSER, hold=0.2)
    stage.show("❯ It shows", "❯ 1. One", "  2. Two", "  and waits?", hold=3.0)
    assert "question" not in stage.told
    assert ENTER in stage.sent


def test_a_prompt_between_the_paste_and_its_enter_only_puts_the_enter_off() -> None:
    stage = Stage()
    stage.show(*COMPOSER, hold=0.2)
    stage.show(*edit(), hold=0.6)
    assert stage.sent[-1] == ENTER  # the rule's answer
    stage.show("❯ Fix it", "  ? for shortcuts", hold=0.6)
    assert [type(sent) for sent in stage.sent] == [Paste, Press, Press]


def test_the_enter_that_leaves_is_not_pressed_into_a_menu() -> None:
    stage = Stage()
    stage.submitted()
    stage.show(*FINISHED, hold=1.1)
    assert stage.sent[-1] == Press(tuple("/exit"))
    stage.show("rm -rf / needs your word", *OTHER, hold=1.0)
    assert stage.sent[-1] == Press(tuple("/exit"))
    stage.wait(5.0)
    assert stage.ending == "done"


def test_the_same_question_after_a_short_time_at_work_is_a_new_one() -> None:
    stage = Stage()
    stage.submitted()
    stage.show(*edit(), hold=0.3)
    stage.show(*BUSY, hold=0.05)
    stage.show(*edit(), hold=0.3)
    assert stage.sent.count(ENTER) == 3  # the task's and two answers


def test_an_agent_without_a_done_line_is_done_when_it_rests() -> None:
    stage = Stage(AGENT.replace("done = '^✻ Worked'\n", ""))
    stage.submitted()
    stage.show(*COMPOSER, hold=1.1)
    assert "done" in stage.told


def test_two_rows_of_the_agents_words_are_no_menu() -> None:
    stage = Stage()
    stage.submitted()
    stage.show("● I will do", "  these things?", "✶ Working… (esc to interrupt)", hold=3.0)
    assert "question" not in stage.told
