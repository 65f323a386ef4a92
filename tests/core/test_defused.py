"""Words that GitHub acts on do nothing where they are not ours."""

from __future__ import annotations

import pytest

from swarmbot.core.markdown import defused


@pytest.mark.parametrize("words", ["[skip ci]", "[ci skip]", "[no ci]", "[skip actions]", "[actions skip]"])
def test_a_title_switches_no_workflow_off(words: str) -> None:
    assert words not in defused(f"Crash {words}")


def test_a_trailer_switches_no_check_off() -> None:
    assert "skip-checks:" not in defused("Crash\n\nskip-checks: true")


def test_other_brackets_stay() -> None:
    assert defused("[wip] crash") == "[wip] crash"
