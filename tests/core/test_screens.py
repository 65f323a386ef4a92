"""Golden screens: each file under ``tests/screens/<agent>/`` is a screen, and its first line says how it must be read.

    expect: prompt RULE KEYS...  |  question  |  ready  |  busy  |  done  |  nothing      [cursor: COLUMN,ROW]
    expect: starting                           it looks ready, but may still begin
    expect: failure KIND                       what stands there is an error of the program

A new case is a new file.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from swarmbot.core.agent_file import parse
from swarmbot.core.agent_spec import AgentSpec
from swarmbot.core.answers import Reading, read
from swarmbot.core.failures import find_failure
from swarmbot.core.screen import Screen

TESTS = Path(__file__).parents[1]
SPECS = {
    "demo": TESTS.parent / "swarmbot/demo/agents/demo.toml",
} | {path.stem: path for path in (TESTS.parent / "swarmbot/agents").glob("*.toml")}
FILES = sorted((TESTS / "screens").glob("*/*.txt"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_screen_is_read_as_its_first_line_says(path: Path) -> None:
    first, *rows = path.read_text().splitlines()
    match = re.fullmatch(r"expect: (.+?)(?: +cursor: (\d+),(\d+))?", first)
    assert match, f"{path}: the first line must say what to expect"
    cursor = (int(match[2]), int(match[3])) if match[2] else (0, 0)
    screen = Screen(tuple(rows), cursor)

    spec = spec_of(path.parent.name)
    trouble = find_failure(screen, spec)
    assert (f"failure {trouble.kind}" if trouble else said(read(screen, spec), spec)) == match[1]


def test_there_are_screens_that_must_get_no_key() -> None:
    harmless = [path for path in FILES if not path.read_text().startswith("expect: prompt")]
    assert len(harmless) >= 10


def spec_of(agent: str) -> AgentSpec:
    return parse(SPECS[agent].read_text(), source=agent)


def said(reading: Reading, spec: AgentSpec) -> str:
    if reading.prompt is not None:
        keys = reading.prompt.keys or (*reading.prompt.moves, "enter")
        return f"prompt {reading.prompt.rule} {' '.join(keys)}" if reading.prompt.rule else "question"
    if spec.screen is None:
        return "nothing"
    if reading.busy:
        return "busy"
    if reading.starting:
        return "starting"
    if reading.done_marks:
        return "done"
    return "ready" if reading.ready else "nothing"
