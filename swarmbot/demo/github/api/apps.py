"""The App itself: its installations, its tokens, its webhook deliveries; and users."""

from __future__ import annotations

from typing import Any

from swarmbot.demo.github.api.routing import PAGING, Answer, Ask, Routes
from swarmbot.demo.github.bodies import NewToken, given
from swarmbot.demo.github.errors import not_found
from swarmbot.demo.github.shapes import stamp
from swarmbot.demo.github.state import Installation
from swarmbot.demo.github.webhooks import Delivery, delivery_shape

routes = Routes()


def _installation(ask: Ask) -> Installation:
    found = ask.actions.world.installations.get(ask.number("installation"))
    if found is None:
        raise not_found()
    return found


@routes.add("GET", "/app", auth="app", kind="app")
def get_app(ask: Ask) -> Answer:
    """The App that the JWT speaks for."""
    count = len(ask.actions.world.installations)
    return Answer(body={**ask.actions.shapes.app(), "installations_count": count})


@routes.add("GET", "/app/installations", auth="app", kind="app", query=PAGING)
def list_installations(ask: Ask) -> Answer:
    """Where the App is installed."""
    return ask.page(list(ask.actions.world.installations.values()), ask.actions.shapes.installation)


@routes.add("GET", "/app/installations/{installation:int}", auth="app", kind="app")
def get_installation(ask: Ask) -> Answer:
    """One installation."""
    return Answer(body=ask.actions.shapes.installation(_installation(ask)))


@routes.add("GET", "/repos/{owner}/{repo}/installation", auth="app", kind="app")
def find_installation(ask: Ask) -> Answer:
    """The installation that covers a repository."""
    repository = ask.actions.world.repository(f"{ask.params['owner']}/{ask.params['repo']}")
    for installation in ask.actions.world.installations.values():
        if repository in installation.repositories:
            return Answer(body=ask.actions.shapes.installation(installation))
    raise not_found()


@routes.add("POST", "/app/installations/{installation:int}/access_tokens", auth="app", kind="token")
def mint_token(ask: Ask) -> Answer:
    """A new installation token, for some repositories and permissions where the body names them."""
    installation = _installation(ask)
    asked = ask.read(NewToken)
    names: list[str] | None = given(asked.repositories, None)
    ids: list[int] | None = given(asked.repository_ids, None)
    permissions: dict[str, str] | None = given(asked.permissions, None)
    token = ask.access.mint(installation, names=names, ids=ids, permissions=permissions)
    return Answer(body=ask.actions.shapes.token(token), status=201)


@routes.add("DELETE", "/installation/token", kind="token")
def revoke_token(ask: Ask) -> Answer:
    """The end of the token that the call is made with."""
    ask.holder().revoked = True
    return Answer(status=204)


@routes.add("GET", "/installation/repositories", query=PAGING)
def list_repositories(ask: Ask) -> Answer:
    """What the token covers."""
    covered = ask.holder().repositories
    chosen, links = ask.cut(covered)
    body = {"total_count": len(covered), "repository_selection": "selected"}
    return Answer(body={**body, "repositories": [ask.actions.shapes.repository(r) for r in chosen]}, headers=links)


@routes.add("GET", "/users/{login}")
def get_user(ask: Ask) -> Answer:
    """A user's public side."""
    user = ask.user(ask.params["login"])
    unknown = ("name", "company", "blog", "location", "email", "hireable", "bio", "twitter_username")
    counts = ("public_repos", "public_gists", "followers", "following")
    made = stamp(ask.app.created_at)
    body = {**ask.actions.shapes.user(user), **dict.fromkeys(unknown), **dict.fromkeys(counts, 0)}
    return Answer(body={**body, "created_at": made, "updated_at": made})


def _delivery(ask: Ask) -> Delivery:
    for delivery in ask.actions.webhooks.log:
        if delivery.id == ask.number("delivery"):
            return delivery
    raise not_found()


@routes.add("GET", "/app/hook/deliveries", auth="app", kind="app", query=("per_page", "cursor", "status"))
def list_deliveries(ask: Ask) -> Answer:
    """The deliveries, newest first; ``cursor`` is the id to go on behind, as the ``Link`` header names it."""
    log = [d for d in reversed(ask.actions.webhooks.log) if d.status != "pending"]
    if ask.query.get("status") == "failure":
        log = [delivery for delivery in log if delivery.status != "OK"]
    cursor = ask.query.get("cursor", "")
    if cursor.isdecimal():
        log = [delivery for delivery in log if delivery.id < int(cursor)]
    size = int(ask.query.get("per_page", "30"))
    headers: dict[str, Any] = {}
    if len(log) > size:
        headers["Link"] = f'<{ask.url}?per_page={size}&cursor={log[size - 1].id}>; rel="next"'
    return Answer(body=[delivery_shape(delivery) for delivery in log[:size]], headers=headers)


@routes.add("GET", "/app/hook/deliveries/{delivery:int}", auth="app", kind="app")
def get_delivery(ask: Ask) -> Answer:
    """One delivery with its request and response."""
    return Answer(body=delivery_shape(_delivery(ask), full=True))


@routes.add("POST", "/app/hook/deliveries/{delivery:int}/attempts", auth="app", kind="app")
def redeliver(ask: Ask) -> Answer:
    """A delivery sent again, under its old guid."""
    ask.actions.webhooks.redeliver(_delivery(ask))
    return Answer(body={}, status=202)
