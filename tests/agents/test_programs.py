"""The agents' programs on this machine: found, asked for their version, doubted, missed."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from swarmbot.agents import programs
from swarmbot.core.agent_file import parse
from swarmbot.core.agent_spec import AgentSpec

SPEC = parse(
    """
name = "a"
title = "A"
[program]
command = "a-cli"
version = 'a-cli (\\d+\\.\\d+\\.\\d+)'
tested = ["1.2.0", "1.10.0"]
install = "npm install -g a-cli@1.10.0"
[credential]
any_of = ["A_KEY", "A_TOKEN"]
[headless]
argv = ["{program}"]
task = "file"
""",
    source="a",
)


def install(folder: Path, script: str) -> None:
    folder.mkdir(exist_ok=True)
    program = folder / "a-cli"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)


def test_the_folder_of_programs_comes_before_the_path(tmp_path: Path) -> None:
    install(tmp_path / "own", "echo own")
    install(tmp_path / "path", "echo path")
    operator = {"PATH": str(tmp_path / "path")}
    assert programs.find(SPEC, operator, tmp_path / "own") == str(tmp_path / "own/a-cli")
    assert programs.find(SPEC, operator, None) == str(tmp_path / "path/a-cli")
    assert programs.find(SPEC, {"PATH": "/nowhere"}, None) is None


def test_what_is_missing_is_said_with_what_to_do(tmp_path: Path) -> None:
    assert programs.problem(SPEC, {"PATH": "/nowhere"}, None) == (
        "`a-cli` is not installed. Install it with `npm install -g a-cli@1.10.0`."
    )
    install(tmp_path, "")
    assert programs.problem(SPEC, {"PATH": str(tmp_path)}, None) == (
        "the server has no key for its model: the operator has to set `A_KEY` or `A_TOKEN`."
    )
    assert programs.problem(SPEC, {"PATH": str(tmp_path), "A_TOKEN": "t"}, None) == ""


async def test_the_version_is_asked_once_in_a_home_of_its_own(tmp_path: Path) -> None:
    install(tmp_path, f'echo "a-cli 1.3.0 in $HOME" | tee -a {tmp_path}/asked')
    versions = programs.Versions({"PATH": f"{tmp_path}:/usr/bin:/bin", "HOME": "/operator"}, None)
    assert [await versions.of(SPEC), await versions.of(SPEC)] == ["1.3.0", "1.3.0"]
    asked = (tmp_path / "asked").read_text()
    assert asked.count("a-cli 1.3.0") == 1
    assert "/operator" not in asked


@pytest.mark.parametrize("script", ["echo who knows", "exit 3", "echo 1.3.0 >&2; exit 1"])
async def test_a_program_that_does_not_say_has_no_version(tmp_path: Path, script: str) -> None:
    install(tmp_path, script)
    assert await programs.Versions({"PATH": str(tmp_path)}, None).of(SPEC) == ""


async def test_a_program_that_hangs_is_ended_with_its_children_and_asked_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(programs, "VERSION_S", 0.3)
    install(
        tmp_path, f"[ -e {tmp_path}/once ] && echo a-cli 1.3.0 && exit\ntouch {tmp_path}/once\ntail -f /dev/null & wait"
    )
    versions = programs.Versions({"PATH": f"{tmp_path}:/usr/bin:/bin"}, None)
    async with asyncio.timeout(20):
        assert await versions.of(SPEC) == ""
    assert await versions.of(SPEC) == "1.3.0"


async def test_a_program_that_is_not_there_has_no_version() -> None:
    assert await programs.Versions({"PATH": "/nowhere"}, None).of(SPEC) == ""


@pytest.mark.parametrize(
    ("version", "said"),
    [
        ("1.2.0", ""),
        ("1.9.9", ""),
        ("1.10.0", ""),
        ("1.1.9", "older than 1.2.0"),
        ("1.11.0", "newer than 1.10.0"),
        ("2.0.0", "its screens may have changed"),
        ("", "could not be read; 1.2.0 to 1.10.0 were tested"),
    ],
)
def test_a_release_that_was_not_tried_is_named_with_the_cure(version: str, said: str) -> None:
    doubt = programs.doubt(SPEC, version)
    assert said in doubt
    assert ("npm install -g a-cli@1.10.0" in doubt) == bool(said)


def test_an_agent_without_a_program_of_its_own_is_not_doubted() -> None:
    plain: AgentSpec = parse('name = "s"\ntitle = "S"\n[headless]\nargv = ["/bin/sh"]\ntask = "file"', source="s")
    assert programs.doubt(plain, "") == ""
    assert programs.find(plain, {"PATH": "/nowhere"}, None) == "/bin/sh"
