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
    assert found.keys() == {"version", "ok", "findings", "agents", "rules", "commands", "events"}
    assert found["commands"] == [command.usage for command in commands.ALL]
    assert found["events"] == [*events.ALL]
    assert found["agents"]["shell"] == ""
    assert found["rules"]["shell"] == ["default-yes"]
    names = [finding["name"] for finding in found["findings"]]
    assert {"python", "git", "redis", "data", "app", "webhook secret", "sandbox", "default agent"} <= set(names)
    assert not Path(configured["HOME"]).exists()


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
    assert "/agent fix [with AGENT] [words]" in done.stdout
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
