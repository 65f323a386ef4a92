"""The App's manifest: the events that are read, and no permission beyond those that the design names."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from swarmbot import events
from swarmbot.github.app import JOB_PERMISSIONS

MANIFEST = Path(__file__).parents[2] / "app_manifest.yml"


@pytest.fixture
def manifest() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load(MANIFEST.read_text())
    return loaded


def test_the_app_hears_of_every_event_that_is_read(manifest: dict[str, Any]) -> None:
    assert events.ALL.keys() <= set(manifest["default_events"])


def test_the_events_are_those_of_the_design(manifest: dict[str, Any]) -> None:
    # `installation` and `installation_repositories` go to every App and cannot be subscribed to.
    assert set(manifest["default_events"]) - {"installation", "installation_repositories"} == {
        "issue_comment",
        "issues",
        "pull_request",
        "pull_request_review",
        "pull_request_review_comment",
        "check_run",
        "repository",
    }


def test_the_permissions_are_those_of_the_design_and_enough_for_a_job(manifest: dict[str, Any]) -> None:
    assert manifest["default_permissions"] == {
        "contents": "write",
        "issues": "write",
        "pull_requests": "write",
        "checks": "write",
        "metadata": "read",
    }
    assert JOB_PERMISSIONS.items() <= manifest["default_permissions"].items()
