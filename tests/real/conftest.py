"""Real programs, at the pinned releases of ``make agents``."""

from __future__ import annotations

from pathlib import Path

import pytest

from swarmbot.core.agent_spec import Mode
from swarmbot.terminal.screen import warm
from tests.real.stage import MODES, NAMES, OLDER, PROGRAMS, RealStage


@pytest.fixture(params=MODES)
def mode(request: pytest.FixtureRequest) -> Mode:
    chosen: Mode = request.param
    return chosen


@pytest.fixture(params=NAMES)
def stage(request: pytest.FixtureRequest, tmp_path: Path, mode: Mode) -> RealStage:
    """One agent in one mode, at its newest release."""
    warm()
    return RealStage(tmp_path.resolve(), request.param, mode)


@pytest.fixture(params=[PROGRAMS, OLDER], ids=["newest", "older"])
def any_release(request: pytest.FixtureRequest, stage: RealStage) -> RealStage:
    """The same, at its newest and at an older release."""
    stage.programs = request.param
    return stage
