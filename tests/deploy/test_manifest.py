"""The App's manifest asks for what the bot needs, in the words that GitHub's manifest flow takes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from swarmbot import events
from swarmbot.github.app import JOB_PERMISSIONS

MANIFEST = Path(__file__).parents[2] / "app_manifest.yml"
SENT_TO_EVERY_APP = {"installation", "installation_repositories"}
"""GitHub refuses a manifest that names these: "Default events unsupported"."""


@pytest.fixture
def manifest() -> dict[str, Any]:
    return dict(yaml.safe_load(MANIFEST.read_text()))


def test_keys_are_those_of_the_manifest_flow(manifest: dict[str, Any]) -> None:
    assert set(manifest) == {
        "name",
        "url",
        "hook_attributes",
        "redirect_url",
        "description",
        "public",
        "default_events",
        "default_permissions",
    }
    assert set(manifest["hook_attributes"]) == {"url", "active"}


def test_the_app_is_private_and_its_hook_leads_to_the_webhook(manifest: dict[str, Any]) -> None:
    assert manifest["public"] is False
    assert manifest["hook_attributes"]["active"] is True
    assert manifest["hook_attributes"]["url"].endswith("/webhook")


def test_permissions_are_those_of_a_job_and_no_workflows(manifest: dict[str, Any]) -> None:
    assert manifest["default_permissions"] == {**JOB_PERMISSIONS, "metadata": "read"}


def test_the_events_are_those_that_the_bot_is_built_for(manifest: dict[str, Any]) -> None:
    assert set(manifest["default_events"]) == {
        "issue_comment",
        "issues",
        "pull_request",
        "pull_request_review",
        "pull_request_review_comment",
        "check_run",
        "repository",
    }


def test_every_event_that_is_read_is_subscribed_to(manifest: dict[str, Any]) -> None:
    assert set(events.ALL) - SENT_TO_EVERY_APP <= set(manifest["default_events"])


def test_events_are_named_once_and_none_that_github_refuses(manifest: dict[str, Any]) -> None:
    named = manifest["default_events"]
    assert len(named) == len(set(named))
    assert not SENT_TO_EVERY_APP & set(named)
