"""Prompts: which are answered, how often and with what; which go to people; and no sequence of screens breaks it."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from swarmbot.core.desk import QUESTION_AFTER_S
from swarmbot.core.session_model import Action, End, Limits, Paste, Press, Report
from tests.core.stage import AGENT, BUSY, COMPOSER, FILE_AGENT, FILLED, FINISHED, NEWS, OTHER, TRUST, Stage, edit

ENTER = Press(("enter",))


@pytest.fixture
def stage() -> Stage:
    """An agent at work."""
    made = Stage()
    made.submitted()
    made.forget()
    return made


def test_a_prompt_drawn_twice_is_answered_once(stage: Stage) -> None:
    for _ in range(20):
        stage.show(*edit(), hold=0.1)
    stage.show(*BUSY, hold=0.3)
    assert stage.sent == [ENTER]
    assert stage.told[:1] == ["prompt edit"]


def test_a_redraw_that_blinks_is_answered_once(stage: Stage) -> None:
    stage.show(*edit(), hold=0.2)
    stage.show(hold=0.02)
    stage.show(*edit(), hold=0.5)
    assert stage.sent == [ENTER]


def test_a_prompt_that_has_not_settled_is_not_answered(stage: Stage) -> None:
    stage.show(*edit(), hold=0.05)
    assert stage.sent == []
    stage.show(*BUSY, hold=1)
    assert stage.sent == []


def test_a_spinner_above_a_prompt_does_not_put_the_answer_off(stage: Stage) -> None:
    for frame in range(5):
        stage.show(f"frame {frame}", "", *edit(), hold=0.05)
    assert stage.sent == [ENTER]


def test_two_different_prompts_in_a_row_are_both_answered(stage: Stage) -> None:
    stage.show(*edit("a.py"), hold=0.3)
    stage.show(*edit("b.py"), hold=0.3)
    assert stage.sent == [ENTER, ENTER]


def test_prompts_with_the_same_words_about_different_things_are_all_answered() -> None:
    asks = AGENT.replace('keys = ["n", "enter"]', 'keys = ["n", "enter"]\nsubject = "^[a-z.]+$"\ntimes = 9')
    stage = Stage(asks)
    stage.submitted()
    stage.forget()
    stage.show("There is news in 2.0", "a.py", "Read it?", hold=0.3)
    stage.show("There is news in 2.0", "a.py", "Read it? n", "b.py", "Read it?", hold=0.3)
    stage.show("There is news in 2.0", "a.py", "Read it? n", "b.py", "Read it?", hold=0.3)
    assert stage.sent == [Press(("n", "enter"))] * 2


def test_the_same_prompt_again_after_something_else_is_answered_again(stage: Stage) -> None:
    for _ in range(2):
        stage.show(*edit(), hold=0.3)
        stage.show(*BUSY, hold=0.3)
    assert stage.sent == [ENTER, ENTER]


def test_keys_of_a_rule_are_pressed_at_its_line() -> None:
    stage = Stage()
    stage.show(*NEWS, hold=0.3)
    assert stage.sent == [Press(("n", "enter"))]
    assert stage.told == ["prompt news"]


def test_a_rule_that_has_answered_often_enough_asks_people(stage: Stage) -> None:
    for name in "abcd":
        assert stage.ending == ""
        stage.show(*edit(f"{name}.py"), hold=0.3)
    assert stage.sent == [ENTER] * 3
    stage.wait(QUESTION_AFTER_S)
    assert stage.ending == "asked"
    assert stage.told[-1] == "question edit"
    assert stage.actions[-1][1] == End()
    assert stage.session.outcome is not None
    assert stage.session.outcome.cause == "Do you want to edit d.py?"


def test_a_prompt_that_no_rule_knows_goes_to_people_when_it_stands(stage: Stage) -> None:
    stage.show(*OTHER, hold=QUESTION_AFTER_S - 0.1)
    assert stage.ending == ""
    stage.wait(0.2)
    assert stage.ending == "asked"
    assert stage.sent == []
    assert stage.told == ["question"]


def test_a_menu_on_its_way_to_the_next_one_goes_to_nobody(stage: Stage) -> None:
    for _ in range(3):
        stage.show(*OTHER, hold=QUESTION_AFTER_S - 0.2)
        stage.show(*BUSY, hold=0.3)
    assert stage.ending == ""


def test_redrawing_does_not_put_the_question_off(stage: Stage) -> None:
    for frame in range(30):
        stage.show(f"frame {frame}", "", "", "", "", "", *OTHER, hold=0.1)
    assert stage.ending == "asked"


def test_a_prompt_that_stands_after_its_answer_goes_to_people(stage: Stage) -> None:
    stage.show(*edit(), hold=Limits().answer_holds_s - 0.2)
    assert (stage.sent, stage.ending) == ([ENTER], "")
    stage.wait(0.5)
    assert stage.ending == "asked"


def test_enter_is_pressed_only_when_the_mark_is_at_the_option(stage: Stage) -> None:
    stage.show(*edit(selected=1), hold=0.3)
    assert stage.sent == [Press(("up",))]
    stage.show(*edit(selected=1), hold=0.5)
    assert stage.sent == [Press(("up",))]
    stage.show(*edit(selected=0), hold=0.3)
    assert stage.sent == [Press(("up",)), ENTER]
    assert stage.told == ["prompt edit"]


def test_a_mark_that_never_moves_goes_to_people_and_is_not_confirmed(stage: Stage) -> None:
    stage.show(*edit(selected=1), hold=Limits().moves_hold_s + 0.5)
    assert stage.sent == [Press(("up",))]
    assert stage.ending == "asked"


def test_a_mark_that_moves_too_far_is_not_confirmed(stage: Stage) -> None:
    rows = ("Do you want to edit a.py?", "  1. Later", "  2. Yes", "❯ 3. No")
    wrapped = ("Do you want to edit a.py?", "❯ 1. Later", "  2. Yes", "  3. No")
    stage.show(*rows, hold=0.3)
    stage.show(*wrapped, hold=QUESTION_AFTER_S + 0.5)
    assert stage.sent == [Press(("up",))]
    assert stage.ending == "asked"


def test_what_must_never_be_answered_goes_to_people(stage: Stage) -> None:
    stage.show("Do you want to edit $(rm -rf /)?", *edit()[1:], hold=QUESTION_AFTER_S + 0.5)
    stage.show("Do you want to edit rm -r?", *edit()[1:], hold=QUESTION_AFTER_S + 0.5)
    assert stage.sent == []
    assert stage.ending == "asked"


def test_a_prompt_right_after_the_task_means_that_the_task_was_taken() -> None:
    stage = Stage()
    stage.show(*COMPOSER, hold=0.2)
    stage.show(*FILLED, hold=0.6)
    stage.show(*edit(), hold=0.3)
    stage.show(*COMPOSER, hold=0.3)
    stage.forget()
    stage.show(*edit("b.py"), hold=0.3)
    assert stage.sent == [ENTER]


def test_no_enter_for_the_task_goes_to_a_prompt() -> None:
    stage = Stage()
    stage.show(*COMPOSER, hold=0.2)
    stage.show(*OTHER, hold=1.5)
    assert stage.sent == [Paste("Fix it")]


SCREENS: tuple[tuple[str, ...], ...] = (
    (),
    COMPOSER,
    FILLED,
    BUSY,
    FINISHED,
    TRUST,
    NEWS,
    OTHER,
    edit(),
    edit(selected=1),
    edit("b.py"),
    ("Continue? [Y/n] ",),
    ("❯ 1. Yes",),
)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("show"), st.sampled_from(SCREENS), st.sampled_from([0.0, 0.02, 0.11, 0.6, 2.1, 11.0])),
        st.tuples(st.just("wait"), st.just(()), st.sampled_from([0.0, 0.05, 1.0, 40.0, 500.0])),
        st.tuples(st.just("exit"), st.just(()), st.sampled_from([0.0, 1.0, -9.0])),
    ),
    max_size=30,
)


def play(stage: Stage, steps: list[tuple[str, tuple[str, ...], float]]) -> None:
    for what, rows, number in steps:
        ended = bool(stage.ending)
        before = len(stage.actions)
        if what == "show":
            stage.show(*rows, hold=number)
        elif what == "wait":
            stage.wait(number)
        else:
            stage.exit(*((int(number), None) if number >= 0 else (None, 9)))
        if ended:
            check_quiet([action for _, action in stage.actions[before:]])


def check_quiet(actions: list[Action]) -> None:
    """After the outcome only the exit is still told."""
    assert all(isinstance(action, Report) and action.event.event == "exit" for action in actions)


@settings(max_examples=300, deadline=None)
@given(STEPS, st.sampled_from([None, FILE_AGENT]))
def test_no_sequence_of_screens_breaks_it(steps: list[tuple[str, tuple[str, ...], float]], agent: str | None) -> None:
    limits = Limits(silence_s=300, total_s=2000)
    stage = Stage(agent, limits) if agent else Stage(limits=limits)
    play(stage, steps)
    # `Stage.wait` fails when the session asks for one moment for ever; left alone, every session ends.
    stage.wait(limits.total_s + 1)
    assert stage.ending
    assert stage.session.wake_at is None
    assert sum(isinstance(action, End) for _, action in stage.actions) <= 1
    assert sum(isinstance(action, Paste) for _, action in stage.actions) <= (0 if agent else 1)
    answered = [action.event.rule for _, action in stage.actions if isinstance(action, Report)]
    for rule in stage.spec.rule:
        assert answered.count(rule.name) <= rule.times + 1
