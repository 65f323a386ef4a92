"""``swarmbot replay`` as people and programs run it: its lines, its exit codes, and what it says of bad files."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from swarmbot.core.session_model import Event
from swarmbot.replaying import json_line, text_line
from swarmbot.terminal.replay import Seen

RECORDING = Path(__file__).parent / "recordings" / "claude-edit.cast"
COMMAND = [sys.executable, "-m", "swarmbot", "replay"]
HEADER = '{"version": 2, "width": 80, "height": 24}\n'
PROMPTS = [
    {"rule": "trust-folder", "keys": ["enter"]},
    {"rule": "use-api-key", "keys": ["up", "enter"]},
    {"rule": "edit-file", "keys": ["enter"]},
]


def replay(*arguments: object, **settings: str) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": os.environ["PATH"]} | settings
    command = [*COMMAND, *map(str, arguments)]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)


def lines(done: subprocess.CompletedProcess[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_json_lines_tell_prompts_with_rule_and_keys_in_time_order() -> None:
    done = replay(RECORDING, "--agent", "claude", "--json")
    found = lines(done)
    assert (done.returncode, done.stderr) == (0, "")
    assert [{key: one[key] for key in ("rule", "keys")} for one in found if one["event"] == "prompt"] == PROMPTS
    assert [one["event"] for one in found if one["event"] != "prompt"] == ["ready", "busy", "done", "exit"]
    assert [one["t"] for one in found] == sorted(one["t"] for one in found)
    fields = {one["event"]: [*one] for one in found}
    assert fields == {
        "prompt": ["t", "event", "rule", "keys"],
        **{event: ["t", "event"] for event in ("ready", "busy", "done", "exit")},
    }


def test_a_question_brings_its_words_and_options_and_no_empty_field() -> None:
    question = Seen(1.5, Event("question", detail="───\nWhich\nname?", options=("a", "b")))
    assert json.loads(json_line(question)) == {
        "t": 1.5, "event": "question", "detail": "───\nWhich\nname?", "options": ["a", "b"],
    }  # fmt: skip
    assert text_line(question) == "     1.50 s  question  Which name? [a | b]"
    assert json.loads(json_line(Seen(2.0, Event("exit", detail="code 0")))) == {"t": 2.0, "event": "exit"}


def test_people_get_aligned_lines() -> None:
    done = replay(RECORDING, "--agent", "claude")
    rows = done.stdout.splitlines()
    assert done.returncode == 0
    assert len({row.index(" s  ") for row in rows}) == 1
    assert any(row.endswith("prompt    use-api-key           up enter") for row in rows)


def test_an_unknown_agent_is_told_with_the_nearest_and_the_list() -> None:
    done = replay(RECORDING, "--agent", "clade")
    assert (done.returncode, done.stdout) == (2, "")
    assert "There is no agent 'clade'. Did you mean claude? There are: " in done.stderr
    assert "shell" in done.stderr


def test_an_operators_agent_is_found_with_no_other_setting(tmp_path: Path) -> None:
    own = 'name = "own"\ntitle = "Own"\n[headless]\nargv = ["x"]\ntask = "file"\n'
    (tmp_path / "own.toml").write_text(own)
    (tmp_path / "own.cast").write_text(HEADER + '[1.5, "o", "hello"]\n')
    done = replay(tmp_path / "own.cast", "--agent", "own", "--json", SWARMBOT_AGENTS_DIR=str(tmp_path))
    assert [(one["t"], one["event"]) for one in lines(done)] == [(1.5, "done"), (1.5, "exit")]


def test_a_broken_agent_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "own.toml").write_text('name = "own"\nsize = 3\n')
    done = replay(RECORDING, "--agent", "own", SWARMBOT_AGENTS_DIR=str(tmp_path))
    assert done.returncode == 2
    assert "own.toml" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "no asciinema v2 recording: line 1"),
        ("hello\n", "no asciinema v2 recording: line 1"),
        ('{"version": 3, "term": {"cols": 80, "rows": 24}}\n', "no asciinema v2 recording: line 1"),
        ('{"version": 2, "width": 0, "height": 24}\n', "no terminal has 0 x 24 cells"),
        ('{"version": 2, "width": 80, "height": 900000}\n', "no terminal has 80 x 900000 cells"),
        (HEADER + '[1.0, "r", "wide"]\n', "the new size at 1.0 s: 'wide'"),
        (HEADER + '[1.0, "r", "0x24"]\n', "the new size at 1.0 s: '0x24'"),
        (HEADER + '[1.0, "r", "90000x24"]\n', "no terminal has 90000 x 24 cells"),
    ],
)
def test_a_file_that_is_no_recording_is_refused_with_the_reason(tmp_path: Path, text: str, reason: str) -> None:
    file = tmp_path / "file.cast"
    file.write_text(text)
    done = replay(file, "--agent", "claude")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"swarmbot: {file} is ")
    assert reason in done.stderr
    assert "Traceback" not in done.stderr


def test_a_file_that_is_not_there_is_named() -> None:
    done = replay("/nowhere/a.cast", "--agent", "claude")
    assert (done.returncode, done.stderr) == (
        2,
        "swarmbot: /nowhere/a.cast cannot be read: No such file or directory\n",
    )


def test_what_stands_before_damage_is_told_and_then_the_damage(tmp_path: Path) -> None:
    recorded = RECORDING.read_text().splitlines(keepends=True)
    half = [line for line in recorded[1:] if json.loads(line)[0] < 8]
    file = tmp_path / "half.cast"
    file.write_text("".join([recorded[0], *half, "###\n", *recorded[len(half) + 1 :]]))
    done = replay(file, "--agent", "claude", "--json")
    assert done.returncode == 2
    assert [one["event"] for one in lines(done)] == ["prompt", "prompt", "ready"]
    assert f"is damaged: line {len(half) + 2}" in done.stderr


def test_a_torn_last_line_as_a_crash_leaves_it_is_no_damage(tmp_path: Path) -> None:
    file = tmp_path / "torn.cast"
    file.write_text(RECORDING.read_text() + '[99.0, "o", "hel')
    assert replay(file, "--agent", "claude", "--json").returncode == 0


def test_whoever_stops_reading_gets_no_traceback() -> None:
    with subprocess.Popen(
        [*COMMAND, str(RECORDING), "--agent", "claude"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(30) == 0


def test_a_mode_that_is_none_is_an_error_of_use() -> None:
    done = replay(RECORDING, "--agent", "claude", "--mode", "loud")
    assert done.returncode == 2
    assert "headless" in done.stderr
