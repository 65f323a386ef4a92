"""The agent files that come with swarmbot and those of an operator; and that no code knows an agent by its name."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from swarmbot import agents
from swarmbot.core.agent_file import parse
from swarmbot.core.agent_spec import AgentSpecError

SWARMBOT = Path(__file__).parents[2] / "swarmbot"
OWN = sorted((SWARMBOT / "agents").glob("*.toml"))
KNOWN = {path.stem for path in OWN} | {"claude", "codex", "gemini", "aider", "pi"}
FILE = """
name = "{0}"
title = "{1}"
[program]
command = "{2}"
install = "pip install it"
[headless]
argv = ["{{program}}"]
task = "file"
"""


@pytest.mark.parametrize("path", OWN, ids=lambda path: path.stem)
def test_each_file_is_named_as_its_agent(path: Path) -> None:
    assert parse(path.read_text(), source=path.name).name == path.stem


def test_all_of_them_load() -> None:
    assert agents.load().keys() == {path.stem for path in OWN}


def test_an_operators_file_is_added_and_wins(tmp_path: Path) -> None:
    (tmp_path / "own.toml").write_text(FILE.format("own", "Own", "own"))
    (tmp_path / "shell.toml").write_text(FILE.format("shell", "Mine", "sh"))
    specs = agents.load(tmp_path)
    assert specs["own"].title == "Own"
    assert specs["shell"].title == "Mine"


def test_a_broken_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "broken.toml").write_text("name = ")
    with pytest.raises(AgentSpecError, match=r"broken\.toml"):
        agents.load(tmp_path)


def test_a_folder_that_is_not_there_is_named_with_its_setting(tmp_path: Path) -> None:
    with pytest.raises(AgentSpecError, match=r"gone.*SWARMBOT_AGENTS_DIR"):
        agents.load(tmp_path / "gone")


def test_an_agent_whose_program_is_missing_says_how_to_install_it(tmp_path: Path) -> None:
    spec = parse(FILE.format("own", "Own", "no-such-program"), source="own")
    assert agents.fact(spec, {"PATH": str(tmp_path)}).problem == (
        "`no-such-program` is not installed. Install it with `pip install it`."
    )
    program = tmp_path / "no-such-program"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    assert agents.fact(spec, {"PATH": str(tmp_path)}).problem == ""


def test_an_agent_without_its_setting_names_it() -> None:
    shell = agents.load()["shell"]
    assert "SWARMBOT_SHELL_COMMAND" in agents.fact(shell, {"PATH": "/bin"}).problem
    assert agents.fact(shell, {"PATH": "/bin", "SWARMBOT_SHELL_COMMAND": "true"}).problem == ""


def test_no_code_knows_an_agent_by_its_name() -> None:
    """An agent is a file: what a name in the code would decide belongs into the file's vocabulary."""
    found = []
    for path in SWARMBOT.rglob("*.py"):
        # The default is a setting; the demo brings an agent of its own.
        if path.name == "settings.py" or path.is_relative_to(SWARMBOT / "demo"):
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value.lower() in KNOWN:
                found.append(f"{path.relative_to(SWARMBOT)}:{node.lineno}: {node.value!r}")
    assert found == []
