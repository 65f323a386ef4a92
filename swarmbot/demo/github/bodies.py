"""The bodies that calls may carry, with GitHub's own fields, and the strict reading of them.

A field of the wrong type or a required one that is missing is refused with 422; a field that GitHub does not know
is taken in silence there, and is a complaint here.
"""

from __future__ import annotations

from typing import Any, Literal, TypeVar

import msgspec
from msgspec import UNSET, UnsetType

from swarmbot.demo.github.errors import ApiError, invalid_request

COMMENT_CHARACTERS = 65_536
"""Longest comment, issue body and pull request body."""
OUTPUT_BYTES = 65_535
"""Longest summary and text of a check run's output; bytes, not characters."""
ANNOTATIONS = 50
"""Most annotations in one request."""
ANNOTATION_MESSAGE_BYTES = 64 * 1024
ANNOTATION_TITLE_CHARACTERS = 255
ACTIONS = 3
"""Most buttons of a check run."""

Body = TypeVar("Body")
Maybe = str | None | UnsetType


class NewToken(msgspec.Struct):
    """POST /app/installations/{id}/access_tokens."""

    repositories: list[str] | UnsetType = UNSET
    repository_ids: list[int] | UnsetType = UNSET
    permissions: dict[str, str] | UnsetType = UNSET


class CommentText(msgspec.Struct):
    """POST and PATCH of a comment."""

    body: str


class IssuePatch(msgspec.Struct):
    """PATCH of an issue."""

    title: str | int | UnsetType | None = UNSET
    body: Maybe = UNSET
    state: Literal["open", "closed"] | UnsetType = UNSET
    state_reason: Literal["completed", "not_planned", "duplicate", "reopened"] | UnsetType | None = UNSET
    labels: list[str] | UnsetType = UNSET
    assignee: Maybe = UNSET
    assignees: list[str] | UnsetType = UNSET
    milestone: str | int | UnsetType | None = UNSET


class NewReaction(msgspec.Struct):
    """POST of a reaction."""

    content: Literal["+1", "-1", "laugh", "confused", "heart", "hooray", "rocket", "eyes"]


class NewLabels(msgspec.Struct):
    """POST of labels on an issue."""

    labels: list[str]


class NewPull(msgspec.Struct):
    """POST of a pull request."""

    head: str
    base: str
    title: str | UnsetType = UNSET
    body: Maybe = UNSET
    draft: bool | UnsetType = UNSET
    maintainer_can_modify: bool | UnsetType = UNSET
    head_repo: str | UnsetType = UNSET
    issue: int | UnsetType = UNSET


class PullPatch(msgspec.Struct):
    """PATCH of a pull request."""

    title: str | UnsetType = UNSET
    body: Maybe = UNSET
    state: Literal["open", "closed"] | UnsetType = UNSET
    base: str | UnsetType = UNSET
    maintainer_can_modify: bool | UnsetType = UNSET


class Reviewers(msgspec.Struct):
    """POST of requested reviewers."""

    reviewers: list[str] | UnsetType = UNSET
    team_reviewers: list[str] | UnsetType = UNSET


class Annotation(msgspec.Struct):
    """A remark on lines of a file, in a check run's output."""

    path: str
    start_line: int
    end_line: int
    annotation_level: Literal["notice", "warning", "failure"]
    message: str
    start_column: int | UnsetType = UNSET
    end_column: int | UnsetType = UNSET
    title: str | UnsetType = UNSET
    raw_details: str | UnsetType = UNSET


class Image(msgspec.Struct):
    """A picture in a check run's output."""

    alt: str
    image_url: str
    caption: str | UnsetType = UNSET


class Output(msgspec.Struct):
    """A check run's output. A new one needs title and summary, an update only the summary."""

    summary: str
    title: str | UnsetType = UNSET
    text: str | UnsetType = UNSET
    annotations: list[Annotation] | UnsetType = UNSET
    images: list[Image] | UnsetType = UNSET


class Action(msgspec.Struct):
    """A button of a check run."""

    label: str
    description: str
    identifier: str


Status = Literal["queued", "in_progress", "completed", "waiting", "requested", "pending"]
Conclusion = Literal["action_required", "cancelled", "failure", "neutral", "success", "skipped", "stale", "timed_out"]


class CheckPatch(msgspec.Struct):
    """PATCH of a check run."""

    name: str | UnsetType = UNSET
    details_url: str | UnsetType = UNSET
    external_id: str | UnsetType = UNSET
    started_at: str | UnsetType = UNSET
    status: Status | UnsetType = UNSET
    conclusion: Conclusion | UnsetType = UNSET
    completed_at: str | UnsetType = UNSET
    output: Output | UnsetType = UNSET
    actions: list[Action] | UnsetType = UNSET


class NewCheck(CheckPatch, kw_only=True):
    """POST of a check run."""

    name: str
    head_sha: str


def parse(raw: bytes) -> Any:
    """Read a body as JSON; an empty one is an empty object. Raises 400."""
    try:
        return msgspec.json.decode(raw) if raw.strip() else {}
    except msgspec.DecodeError as bad:
        raise ApiError(400, "Problems parsing JSON") from bad


def read(sent: Any, wanted: type[Body]) -> tuple[Body, list[str]]:
    """Read a parsed body strictly; returns it, and the paths of the fields that GitHub does not know.

    Raises 400 for what is no object, 422 for a missing field or one of another type.
    """
    if not isinstance(sent, dict):
        raise ApiError(400, "Body should be a JSON object")
    try:
        found = msgspec.convert(sent, wanted, strict=True)
    except msgspec.ValidationError as bad:
        raise invalid_request(str(bad)) from bad
    return found, _unknown(sent, msgspec.to_builtins(found), "")


def _unknown(sent: Any, known: Any, path: str) -> list[str]:
    """Compare what was sent with what was understood of it."""
    if isinstance(sent, dict) and isinstance(known, dict):
        strange = [f"{path}{key}" for key in sent if key not in known]
        both = [key for key in sent if key in known]
        return strange + [name for key in both for name in _unknown(sent[key], known[key], f"{path}{key}.")]
    if isinstance(sent, list) and isinstance(known, list):
        return [name for a, b in zip(sent, known, strict=True) for name in _unknown(a, b, path)]
    return []


def given(value: Body | UnsetType, otherwise: Body) -> Body:
    """Return a field's value, or ``otherwise`` when it was not sent."""
    return otherwise if isinstance(value, UnsetType) else value
