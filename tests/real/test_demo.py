"""``swarmbot demo`` with each real agent: from the comment to the pull request, and nothing left behind."""

from __future__ import annotations

import asyncio
import json
import sys

import pytest

from swarmbot.core.agent_spec import Mode
from tests.real.stage import MODES, NAMES


@pytest.mark.full
@pytest.mark.timeout(240)
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", NAMES)
async def test_the_demo_holds_with_each_agent(name: str, mode: Mode) -> None:
    argv = (sys.executable, "-m", "swarmbot", "demo", "--agent", name, "--mode", mode, "--json")
    process = await asyncio.create_subprocess_exec(*argv, stdout=asyncio.subprocess.PIPE)
    said, _ = await process.communicate()
    result = json.loads(said)
    assert (process.returncode, result["ok"], result["failed"]) == (0, True, [])
    assert result["agent"] == name
    assert result["pull_request"]["tests"] == {"before": False, "after": True}
    assert result["check"] == {"conclusion": "success"}
