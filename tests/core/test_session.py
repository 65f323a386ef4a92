"""The session from its beginning to its end, on screens put up by hand and by a clock turned by hand."""

from __future__ import annotations

import pytest

from swarmbot.core.session_model import ENTER_AGAIN_S, ENTERS, End, Limits, Paste, Press
from tests.core.stage import BUSY, COMPOSER, FILE_AGENT, FILLED, FINISHED, TRUST, Stage

ENTER = Press(("enter",))
EXIT = Press(tuple("/exit"))


def test_a_whole_session() -> None:
    stage = Stage()
    stage.show(*TRUST, hold=0.3)
    stage.submitted()
    stage.show(*FINISHED, hold=2)
    stage.exit()
    assert stage.sent == [ENTER, Paste("Fix it"), ENTER, EXIT, ENTER]
    assert stage.told == ["prompt trust", "ready", "busy", "done", "exit"]
    assert stage.session.outcome is not None
    assert (stage.ending, stage.session.outcome.summary) == ("done", "All is well.")
    assert stage.session.wake_at is None


def test_nothing_is_pasted_before_the_composer_has_settled() -> None:
    stage = Stage()
    stage.show(*COMPOSER, hold=0.05)
    stage.show("  Starting", hold=0.05)
    stage.show(*COMPOSER, hold=0.05)
    assert stage.sent == []
    stage.wait(0.1)
    assert stage.sent == [Paste("Fix it")]


def test_enter_comes_some_time_after_the_paste() -> None:
    stage = Stage()
    stage.show(*COMPOSER, hold=0.2)
    stage.show(*FILLED, hold=0.3)
    assert stage.sent == [Paste("Fix it")]
    stage.wait(0.3)
    (pasted, _), (entered, _) = [entry for entry in stage.actions if isinstance(entry[1], Press | Paste)]
    assert entered - pasted == pytest.approx(stage.spec.paste_wait_s)


def test_an_enter_that_was_swallowed_is_pressed_again() -> None:
    stage = Stage()
    stage.show(*COMPOSER, hold=0.2)
    stage.show(*FILLED, hold=0.6)
    stage.forget()
    stage.wait(ENTER_AGAIN_S + 0.1)
    assert stage.sent == [ENTER]
    stage.show(*BUSY, hold=10)
    assert stage.sent == [ENTER]


def test_a_task_that_never_leaves_the_composer_was_not_submitted() -> None:
    stage = Stage()
    stage.show(*COMPOSER, hold=0.2)
    stage.show(*FILLED, hold=30)
    assert stage.sent == [Paste("Fix it"), *[ENTER] * ENTERS]
    assert stage.ending == "not_submitted"
    assert stage.actions[-1][1] == End()


def test_a_task_that_left_the_composer_was_submitted_though_no_work_was_seen() -> None:
    stage = Stage()
    stage.show(*COMPOSER, hold=0.2)
    stage.show(*FILLED, hold=0.6)
    stage.show(*COMPOSER, hold=20)
    assert stage.sent == [Paste("Fix it"), ENTER]
    assert stage.told[-1] == "busy"


def test_text_of_the_composer_while_at_work_is_not_the_end() -> None:
    stage = Stage()
    stage.submitted()
    stage.forget()
    for _ in range(20):
        stage.show(*BUSY, hold=1)
    assert stage.actions == []


def test_ready_after_work_is_the_end_only_when_it_holds() -> None:
    stage = Stage()
    stage.submitted()
    stage.show(*COMPOSER, hold=0.8)
    stage.show(*BUSY, hold=0.2)
    stage.show(*COMPOSER, hold=0.8)
    assert "done" not in stage.told
    stage.wait(0.3)
    assert "done" in stage.told


def test_ready_without_any_work_is_never_the_end() -> None:
    stage = Stage()
    stage.show(*COMPOSER, hold=0.2)
    stage.show(*FILLED, hold=0.6)
    stage.show(*COMPOSER, hold=60)
    assert "done" not in stage.told


def test_a_done_line_is_evidence_of_work_that_was_too_quick_to_be_seen() -> None:
    stage = Stage()
    stage.show(*COMPOSER, hold=0.2)
    stage.show(*FILLED, hold=0.6)
    stage.show(*FINISHED, hold=2)
    assert stage.told == ["ready", "busy", "done"]


def test_an_old_done_line_is_no_evidence() -> None:
    stage = Stage()
    stage.show(*FINISHED, hold=0.2)
    stage.show("✻ Worked for 1s", *FILLED, hold=0.6)
    stage.show(*FINISHED, hold=60)
    assert "done" not in stage.told


def test_a_spinner_does_not_put_the_end_off() -> None:
    stage = Stage()
    stage.submitted()
    for frame in range(30):
        stage.show("·✢✳✶✻✽"[frame % 6] + " tips", "", "✻ Worked for 1s", *COMPOSER, hold=0.05)
    assert "done" in stage.told


def test_a_program_that_does_not_leave_is_ended_and_that_is_no_failure() -> None:
    stage = Stage()
    stage.submitted()
    stage.show(*FINISHED, hold=1.2)
    assert stage.ending == ""
    stage.wait(6)
    assert (stage.ending, stage.actions[-1][1]) == ("done", End())


def test_silence_ends_it() -> None:
    stage = Stage(limits=Limits(silence_s=30, total_s=1000))
    stage.submitted()
    stage.wait(29)
    assert stage.ending == ""
    stage.show(*BUSY, hold=29)
    assert stage.ending == ""
    stage.wait(2)
    assert (stage.ending, stage.actions[-1][1]) == ("silent", End())


def test_the_whole_time_ends_it_however_busy_it_is() -> None:
    stage = Stage(limits=Limits(silence_s=30, total_s=100))
    stage.submitted()
    for second in range(120):
        stage.show(f"line {second}", *BUSY, hold=1)
    assert (stage.ending, stage.actions[-1][1]) == ("timed_out", End())
    assert stage.actions[-1][0] == pytest.approx(100)


@pytest.mark.parametrize("screens", [[], [COMPOSER], [COMPOSER, FILLED], [COMPOSER, FILLED, BUSY], [TRUST]])
@pytest.mark.parametrize(("code", "signal", "kind"), [(3, None, "exit_code"), (None, 9, "killed"), (0, 15, "killed")])
def test_an_exit_with_an_error_is_a_failure_in_every_state(
    screens: list[tuple[str, ...]], code: int | None, signal: int | None, kind: str
) -> None:
    stage = Stage()
    for rows in screens:
        stage.show(*rows, hold=0.6)
    stage.exit(code, signal)
    assert stage.ending == kind
    assert stage.session.outcome is not None
    assert str(signal or code) in stage.session.outcome.cause


@pytest.mark.parametrize(
    ("screens", "kind"),
    [
        ([], "left_early"),
        ([COMPOSER], "left_early"),
        ([COMPOSER, FILLED], "left_early"),
        ([COMPOSER, FILLED, BUSY], "left_early"),
        ([COMPOSER, FILLED, BUSY, ("✻ Worked for 2s", *COMPOSER)], "done"),
    ],
)
def test_an_exit_without_an_error_is_the_end_only_after_the_task_was_taken(
    screens: list[tuple[str, ...]], kind: str
) -> None:
    stage = Stage()
    for rows in screens:
        stage.show(*rows, hold=0.6)
    stage.exit(0)
    assert stage.ending == kind


@pytest.mark.parametrize("code", [0, 1, 130])
def test_however_it_leaves_when_it_was_asked_to_it_is_done(code: int) -> None:
    stage = Stage()
    stage.submitted()
    stage.show(*FINISHED, hold=1.3)
    stage.exit(code)
    assert stage.ending == "done"


def test_nothing_is_done_after_the_end() -> None:
    stage = Stage()
    stage.exit(1)
    stage.forget()
    stage.show(*TRUST, hold=5)
    stage.show(*COMPOSER, hold=5000)
    assert stage.actions == []
    stage.exit(0)
    assert (stage.told, stage.ending) == (["exit"], "exit_code")


def test_the_outcome_keeps_the_last_screen() -> None:
    stage = Stage()
    stage.show("Traceback", "ValueError: x")
    stage.exit(1)
    assert stage.session.outcome is not None
    assert stage.session.outcome.rows == ("Traceback", "ValueError: x")


@pytest.mark.parametrize(
    ("code", "signal", "kind"),
    [(0, None, "done"), (1, None, "exit_code"), (None, 9, "killed"), (127, None, "exit_code")],
)
def test_a_program_with_a_task_file_is_done_when_it_ends_well(code: int | None, signal: int | None, kind: str) -> None:
    stage = Stage(FILE_AGENT)
    stage.show("collecting ...", hold=3)
    stage.show("3 passed", hold=3)
    stage.exit(code, signal)
    assert stage.ending == kind
    assert stage.sent == []


def test_a_program_with_a_task_file_is_answered_on_its_line() -> None:
    stage = Stage(FILE_AGENT)
    stage.show("Continue? [Y/n] ", hold=0.3)
    stage.show("Continue? [Y/n] ", "ok", hold=3)
    assert stage.sent == [ENTER]
    assert stage.told == ["prompt default-yes", "busy"]
