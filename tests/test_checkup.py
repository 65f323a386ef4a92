"""``swarmbot check`` as an operator runs it: what it finds, as text and as JSON, and its exit code."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from swarmbot import commands, events
from swarmbot.demo.github import make_private_key


def check(*arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    environment = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    environment |= {f"SWARMBOT_{name}": value for name, value in settings.items()}
    command = [sys.executable, "-m", "swarmbot", "check", *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)


@pytest.fixture
def configured(tmp_path: Path) -> dict[str, str]:
    """The settings of a server that could work."""
    secret, key = tmp_path / "secret", tmp_path / "key.pem"
    for path, text in ((secret, "secret"), (key, make_private_key())):
        path.write_text(text)
        path.chmod(0o600)
    return {
        "HOME": str(tmp_path / "home"),
        "APP_ID": "7",
        "PRIVATE_KEY_FILE": str(key),
        "WEBHOOK_SECRET_FILE": str(secret),
        "SANDBOX": "off",
        "SHELL_COMMAND": "true",
    }


def test_a_server_that_could_work(configured: dict[str, str]) -> None:
    done = check("--json", **configured)
    found: dict[str, Any] = json.loads(done.stdout)
    assert (done.returncode, found["ok"], done.stderr) == (0, True, "")
    assert found.keys() == {"version", "ok", "findings", "agents", "programs", "rules", "commands", "events"}
    assert found["commands"] == [command.usage for command in commands.ALL]
    assert found["events"] == [*events.ALL]
    assert found["agents"]["shell"] == ""
    assert found["rules"]["shell"] == ["default-yes"]
    names = [finding["name"] for finding in found["findings"]]
    assert {"python", "git", "redis", "data", "app", "webhook secret", "sandbox", "default agent"} <= set(names)
    assert not Path(configured["HOME"]).exists()


PLAYED = """
name = "played"
title = "Played agent"
[program]
command = "played-program"
tested = ["1.2.0", "1.4.0"]
install = "npm install -g played@1.4.0"
[headless]
argv = ["{program}"]
task = "file"
"""


@pytest.fixture
def played(configured: dict[str, str], tmp_path: Path) -> dict[str, str]:
    """The same with an agent whose program is newer than what was tested."""
    (tmp_path / "agents").mkdir()
    (tmp_path / "agents" / "played.toml").write_text(PLAYED)
    program = tmp_path / "programs" / "played-program"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\necho 1.5.0\n")
    program.chmod(0o755)
    return configured | {"AGENTS_DIR": str(tmp_path / "agents"), "PROGRAMS": str(program.parent)}


def test_an_agents_release_and_tested_range_are_told(played: dict[str, str]) -> None:
    found = json.loads(check("--json", **played).stdout)
    programs = {program["name"]: program for program in found["programs"]}
    assert (programs["played"]["version"], programs["played"]["tested"]) == ("1.5.0", ["1.2.0", "1.4.0"])
    assert programs.keys() == found["agents"].keys() == found["rules"].keys()
    text = check(**played).stdout
    assert "1.5.0" in text
    assert "played-program)" in text
    assert "tested: 1.2.0 to 1.4.0" in text
    assert "1.5.0 is newer than 1.4.0" in text


def test_an_untested_release_is_a_warning_and_no_error(played: dict[str, str]) -> None:
    done = check("--json", **played, DEFAULT_AGENT="played")
    found = json.loads(done.stdout)
    default = next(finding for finding in found["findings"] if finding["name"] == "default agent")
    assert (done.returncode, found["ok"], default["level"]) == (0, True, "warning")
    assert default["found"] == "played 1.5.0"
    assert "npm install -g played@1.4.0" in default["do"]


def test_an_empty_server_is_told_all_that_is_missing_and_what_to_do() -> None:
    done = check("--json")
    found = json.loads(done.stdout)
    assert (done.returncode, found["ok"]) == (1, False)
    wrong = {finding["name"]: finding["do"] for finding in found["findings"] if finding["level"] == "error"}
    assert wrong.keys() == {"app", "webhook secret", "sandbox", "default agent"}
    assert all(wrong.values())


def test_the_text_for_people_says_the_same(configured: dict[str, str]) -> None:
    done = check(**configured)
    assert done.returncode == 0
    assert "Ready to work." in done.stdout
    assert f"Commands: {commands.ALL[0].usage}" in done.stdout
    done = check()
    assert done.returncode == 1
    assert "Not ready" in done.stdout
    assert "SWARMBOT_APP_ID" in done.stdout


@pytest.mark.parametrize(
    ("setting", "value", "name"),
    [
        ("REDIS_URL", "unix:///nowhere/redis.sock", "redis"),
        ("DEFAULT_AGENT", "nobody", "default agent"),
        ("AGENTS_DIR", "/nowhere", "agents"),
        ("SHELL_COMMAND", "", "default agent"),
    ],
)
def test_one_thing_wrong_is_named(setting: str, value: str, name: str, configured: dict[str, str]) -> None:
    done = check("--json", **{**configured, setting: value})
    wrong = [finding["name"] for finding in json.loads(done.stdout)["findings"] if finding["level"] == "error"]
    assert (done.returncode, wrong) == (1, [name])


def test_a_setting_that_cannot_be_read_is_an_error_of_use() -> None:
    done = check("--json", PORT="many")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("swarmbot: SWARMBOT_PORT: ")
