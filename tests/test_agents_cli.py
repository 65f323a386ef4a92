"""``swarmbot agents`` as an operator runs it, with programs that are small scripts and the demo agent."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib import resources
from pathlib import Path
from typing import Any

import pytest

from swarmbot.agents.roll import secret_values
from swarmbot.core.agent_file import parse

FILE = """
name = "{name}"
title = "Agent {name}"
[program]
command = "{name}-program"
tested = ["1.2.0", "1.10.0"]
install = "npm install -g {name}@1.10.0"
[credential]
any_of = ["PLAYED_KEY", "PLAYED_TOKEN"]
[headless]
argv = ["{{program}}", "{{task_file}}"]
task = "file"
[[failure]]
kind = "key_refused"
when = '^Invalid key'
"""
KEY = "sk-of-the-played-agent-0123"


class Machine:
    """A machine with agent files and programs of its own."""

    def __init__(self, folder: Path) -> None:
        self.files, self.programs = folder / "files", folder / "programs"
        self.files.mkdir()
        self.programs.mkdir()
        self.environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "TMPDIR": str(folder),
            "SWARMBOT_AGENTS_DIR": str(self.files),
            "SWARMBOT_PROGRAMS": str(self.programs),
            "PLAYED_KEY": KEY,
        }
        self.folder = folder

    def agent(self, name: str, script: str | None = "echo 1.5.0") -> None:
        (self.files / f"{name}.toml").write_text(FILE.format(name=name))
        if script is not None:
            program = self.programs / f"{name}-program"
            program.write_text(f"#!/bin/sh\n{script}\n")
            program.chmod(0o755)

    def demo(self) -> None:
        demo = resources.files("swarmbot.demo.agents").joinpath("demo.toml").read_text()
        (self.files / "demo.toml").write_text(demo)

    def ask(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "swarmbot", "agents", *arguments]
        return subprocess.run(
            command, env=self.environment | environment, capture_output=True, text=True, timeout=90, check=False
        )

    def entries(self, *arguments: str, **environment: str) -> dict[str, dict[str, Any]]:
        found = json.loads(self.ask("--json", *arguments, **environment).stdout)
        assert found.keys() == {"agents"}
        return {entry["name"]: entry for entry in found["agents"]}


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_an_agent_that_is_ready_is_told_whole(machine: Machine) -> None:
    machine.agent("one")
    assert machine.entries("one")["one"] == {
        "name": "one",
        "title": "Agent one",
        "installed": True,
        "version": "1.5.0",
        "path": str(machine.programs / "one-program"),
        "tested": ["1.2.0", "1.10.0"],
        "word": "",
        "credential": ["PLAYED_KEY"],
        "ready": True,
        "problem": "",
        "modes": ["headless"],
    }


def test_without_names_all_are_told_and_none_has_to_be_ready(machine: Machine) -> None:
    machine.agent("one", script=None)
    done = machine.ask("--json")
    assert done.returncode == 0
    assert {"one", "shell"} < {entry["name"] for entry in json.loads(done.stdout)["agents"]}


@pytest.mark.parametrize(
    ("version", "word"),
    [
        ("1.1.9", "1.1.9 is older than 1.2.0"),
        ("1.11.0", "1.11.0 is newer than 1.10.0"),
        ("what?", "its version could not be read"),
    ],
)
def test_a_release_that_was_not_tried_is_named_with_what_installs_one(
    machine: Machine, version: str, word: str
) -> None:
    machine.agent("one", f"echo '{version}'")
    entry = machine.entries("one")["one"]
    assert entry["word"].startswith(word)
    assert "npm install -g one@1.10.0" in entry["word"]
    assert entry["ready"] is True
    done = machine.ask("one")
    assert done.returncode == 0
    assert "untested release" in done.stdout
    assert word in done.stdout


def test_a_program_that_is_missing_is_told_with_what_installs_it(machine: Machine) -> None:
    machine.agent("one", script=None)
    done = machine.ask("one")
    assert done.returncode == 1
    assert "not ready" in done.stdout
    assert "`one-program` is not installed. Install it with `npm install -g one@1.10.0`." in done.stdout
    entry = machine.entries("one")["one"]
    assert (entry["installed"], entry["version"], entry["path"]) == (False, "", "")
    assert entry["word"] == "not installed. Install it: npm install -g one@1.10.0"


def test_a_missing_key_is_told_by_the_names_of_its_variables(machine: Machine) -> None:
    machine.agent("one")
    done = machine.ask("one", PLAYED_KEY="")
    assert done.returncode == 1
    assert "has to set `PLAYED_KEY` or `PLAYED_TOKEN`" in done.stdout


def test_no_key_is_ever_printed(machine: Machine) -> None:
    machine.agent("one", f'echo 1.5.0; [ "$1" = --version ] || echo "Invalid key $PLAYED_KEY and {KEY}"')
    done = machine.ask("--try", "one")
    assert "[redacted]" in done.stdout
    assert KEY not in machine.ask("--json", "--try", "one").stdout + done.stdout + done.stderr


def test_programs_are_asked_for_their_versions_at_once(machine: Machine) -> None:
    """Each of the two says its version only once the other one runs."""
    pipe = machine.folder / "pipe"
    os.mkfifo(pipe)
    machine.agent("one", f"echo go > {pipe}; echo 1.5.0")
    machine.agent("two", f"read x < {pipe}; echo 1.6.0")
    found = machine.entries("one", "two")
    assert [entry["version"] for entry in found.values()] == ["1.5.0", "1.6.0"]


def test_an_unknown_agent_is_an_error_of_use(machine: Machine) -> None:
    machine.agent("one")
    done = machine.ask("onne")
    assert (done.returncode, done.stdout) == (2, "")
    assert "Did you mean one?" in done.stderr


def test_a_trial_runs_a_real_session_in_a_repository_of_its_own(machine: Machine) -> None:
    script = """[ "$1" = --version ] && echo 1.5.0 && exit
    git log --format=%s >{0}/log; git status --short >{0}/status; cat "$1" >{0}/task; pwd >{0}/place"""
    machine.agent("one", script.format(machine.folder))
    tried = machine.entries("--try", "one")["one"]["tried"]
    assert (tried["ok"], tried["ended"]) == (True, "done")
    assert tried["seconds"] > 0
    assert (machine.folder / "log").read_text() == "Begin\n"
    assert (machine.folder / "status").read_text() == ""
    assert (machine.folder / "task").read_text() == "Reply with the single word: ready"
    assert not Path((machine.folder / "place").read_text().strip()).exists()


def test_a_trial_that_fails_names_the_class_the_cause_and_what_to_do(machine: Machine) -> None:
    machine.agent("one", '[ "$1" = --version ] && echo 1.5.0 && exit; echo "Invalid key"; exit 1')
    done = machine.ask("--try")
    assert done.returncode == 1
    assert "tried: key_refused" in done.stdout
    assert "failed (key_refused)" in done.stdout
    assert "The operator has to replace the key of the agent's model (PLAYED_KEY or PLAYED_TOKEN)" in done.stdout
    tried = machine.entries("--try", "one")["one"]["tried"]
    assert (tried["ok"], tried["ended"], tried["rows"]) == (False, "key_refused", ["Invalid key"])


def test_an_agent_that_is_not_ready_is_not_tried(machine: Machine) -> None:
    machine.agent("one", script=None)
    assert "tried" not in machine.entries("--try", "one")["one"]
    assert machine.ask("--try", "one").returncode == 1


def test_an_interactive_agent_is_tried_in_its_terminal(machine: Machine) -> None:
    machine.demo()
    done = machine.ask("--try", "demo", SWARMBOT_DEMO_PACE="0.2")
    assert done.returncode == 0
    assert "Tried: done" in done.stdout
    assert "nothing was changed" in done.stdout


def test_a_turn_that_ends_without_a_word_is_no_success(machine: Machine) -> None:
    machine.demo()
    tried = machine.entries("--try", "demo", SWARMBOT_DEMO_MODE="error")["demo"]["tried"]
    assert (tried["ok"], tried["ended"]) == (False, "no_answer")
    assert any("API Error: 500" in row for row in tried["rows"])


def test_what_is_a_secret_in_an_environment() -> None:
    spec = parse(FILE.format(name="one"), source="one")
    operator = {
        "PLAYED_KEY": "short",
        "GITHUB_TOKEN": "a-token-of-forty-characters",
        "SORT_KEY": "name",
        "PATH": "/usr/local/bin:/usr/bin",
    }
    assert secret_values(operator, [spec]) == ("short", "a-token-of-forty-characters")
