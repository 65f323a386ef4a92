"""Check runs, with the limits that GitHub sets to them."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec
from msgspec import UnsetType

from swarmbot.demo.github import bodies, git_objects
from swarmbot.demo.github.api.repositories import existing_commit
from swarmbot.demo.github.api.routing import PAGING, Answer, Ask, Routes
from swarmbot.demo.github.bodies import Action, CheckPatch, NewCheck, Output, given
from swarmbot.demo.github.errors import ApiError, invalid_request, not_found
from swarmbot.demo.github.state import CheckRun, Repository

routes = Routes()

_RUNS = "/repos/{owner}/{repo}/check-runs"
_RUN = f"{_RUNS}/{{run:int}}"
_OF_COMMIT = (*PAGING, "check_name", "status", "filter", "app_id")
_BUTTON = {"label": 20, "identifier": 20, "description": 40}
"""Longest texts of a button, in characters."""


@routes.add("POST", _RUNS)
def create_check(ask: Ask) -> Answer:
    """A new check run on a commit that the repository has."""
    repository = ask.repository("checks:write")
    asked = ask.read(NewCheck)
    if not asked.name.strip():
        raise invalid_request("For 'properties/name', an empty text is not a name.")
    if not isinstance(asked.output, UnsetType) and isinstance(asked.output.title, UnsetType):
        raise invalid_request('"title" wasn\'t supplied.')
    sha = existing_commit(repository, asked.head_sha)
    run = CheckRun(
        id=ask.actions.world.next_id(),
        suite_id=_suite(ask, repository, sha),
        repository=repository,
        name=asked.name,
        head_sha=sha,
        started_at=ask.actions.world.now(),
    )
    _apply(ask, run, asked)
    ask.actions.create_check(run, ask.actor)
    return Answer(body=ask.actions.shapes.check_run(run), status=201)


def _suite(ask: Ask, repository: Repository, sha: str) -> int:
    suites = [run.suite_id for run in repository.check_runs.values() if run.head_sha == sha]
    return suites[0] if suites else ask.actions.world.next_id()


@routes.add("GET", _RUN)
def get_check(ask: Ask) -> Answer:
    """One check run."""
    return Answer(body=ask.actions.shapes.check_run(_run(ask, "read")))


@routes.add("PATCH", _RUN)
def update_check(ask: Ask) -> Answer:
    """A check run with another state, output or set of buttons; it cannot be moved to another commit."""
    run = _run(ask, "write")
    was = run.status
    _apply(ask, run, ask.read(CheckPatch))
    ask.actions.update_check(run, ask.actor, was=was)
    return Answer(body=ask.actions.shapes.check_run(run))


def _run(ask: Ask, level: str) -> CheckRun:
    found = ask.repository(f"checks:{level}").check_runs.get(ask.number("run"))
    if found is None:
        raise not_found()
    return found


@routes.add("GET", "/repos/{owner}/{repo}/commits/{ref:path}/check-runs", query=_OF_COMMIT)
def list_checks(ask: Ask) -> Answer:
    """The check runs of a commit, newest first; the newest of each name unless ``filter=all``."""
    repository = ask.repository("checks:read")
    sha = git_objects.commit_of(repository.git, ask.params["ref"])
    if sha is None:
        raise ApiError(422, f"No commit found for SHA: {ask.params['ref']}")
    name, status = ask.query.get("check_name"), ask.query.get("status")
    found = [
        run
        for run in reversed(repository.check_runs.values())
        if run.head_sha == sha and name in (None, run.name) and status in (None, run.status)
    ]
    if ask.query.get("filter", "latest") == "latest":
        newest: dict[str, CheckRun] = {}
        for run in found:
            newest.setdefault(run.name, run)
        found = list(newest.values())
    chosen, links = ask.cut(found)
    shaped = [ask.actions.shapes.check_run(run) for run in chosen]
    return Answer(body={"total_count": len(found), "check_runs": shaped}, headers=links)


def _apply(ask: Ask, run: CheckRun, asked: CheckPatch) -> None:
    """Check everything first, so that a refused call changes nothing."""
    output, actions = asked.output, given(asked.actions, [])
    details_url = given(asked.details_url, None)
    if details_url is not None and not details_url.startswith(("http://", "https://")):
        raise invalid_request("details_url must use an http or https scheme.")
    if not isinstance(output, UnsetType):
        _check_output(output)
    _check_actions(actions)
    status, conclusion = _outcome(ask, asked)
    started, completed = _moment(asked.started_at), _moment(asked.completed_at)

    run.name = given(asked.name, run.name)
    run.details_url = details_url or run.details_url
    run.external_id = given(asked.external_id, run.external_id)
    run.started_at = started or run.started_at
    if not isinstance(output, UnsetType):
        run.title = given(output.title, run.title)
        run.summary, run.text = output.summary, given(output.text, run.text)
        run.annotations += [msgspec.to_builtins(one) for one in given(output.annotations, [])]
    if not isinstance(asked.actions, UnsetType):
        run.actions = [msgspec.to_builtins(one) for one in actions]
    if status is not None:
        run.status, run.conclusion = status, conclusion
        run.completed_at = (completed or ask.actions.world.now()) if status == "completed" else None


def _outcome(ask: Ask, asked: CheckPatch) -> tuple[str | None, str | None]:
    status: str | None = given(asked.status, None)
    conclusion: str | None = given(asked.conclusion, None)
    if conclusion is not None:
        if status not in (None, "completed"):
            ask.actions.ledger.complain(f"{ask.method} {ask.url}: a conclusion with status {status}")
        status = "completed"
    if status == "completed" and conclusion is None:
        raise invalid_request('"conclusion" wasn\'t supplied.')
    return status, conclusion


def _check_output(output: Output) -> None:
    for name, text in (("summary", output.summary), ("text", given(output.text, ""))):
        if len(text.encode()) > bodies.OUTPUT_BYTES:
            raise invalid_request(f"Only {bodies.OUTPUT_BYTES} bytes are allowed in output.{name}.")
    annotations = given(output.annotations, [])
    if len(annotations) > bodies.ANNOTATIONS:
        raise invalid_request(f"No more than {bodies.ANNOTATIONS} items are allowed; {len(annotations)} were.")
    for one in annotations:
        if len(one.message.encode()) > bodies.ANNOTATION_MESSAGE_BYTES:
            raise invalid_request("An annotation's message is limited to 64 KB.")
        if len(given(one.title, "")) > bodies.ANNOTATION_TITLE_CHARACTERS:
            raise invalid_request("An annotation's title is limited to 255 characters.")


def _check_actions(actions: list[Action]) -> None:
    if len(actions) > bodies.ACTIONS:
        raise invalid_request(f"No more than {bodies.ACTIONS} items are allowed; {len(actions)} were supplied.")
    for action in actions:
        for name, most in _BUTTON.items():
            if len(getattr(action, name)) > most:
                raise invalid_request(f"An action's {name} is limited to {most} characters.")


def _moment(text: str | UnsetType) -> datetime | None:
    if isinstance(text, UnsetType):
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as bad:
        raise invalid_request(f"{text} is not a date-time.") from bad
    return moment.astimezone(UTC)
