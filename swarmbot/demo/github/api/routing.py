"""What a call is, which handler takes it, and the checks that come before: credentials, permissions, body."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Literal, TypeVar

import msgspec

from swarmbot.demo.github import bodies
from swarmbot.demo.github.access import Access, Token, allows, covered
from swarmbot.demo.github.actions import Actions
from swarmbot.demo.github.errors import bad_credentials, not_accessible, not_found, validation_failed
from swarmbot.demo.github.state import App, Comment, Issue, Pull, Repository, User

Body = TypeVar("Body")
PAGING = ("per_page", "page")
"""The query of a list."""

_DEFAULT_PAGE, _LARGEST_PAGE = 30, 100
_CONVERTERS = {"": r"[^/]+", ":int": r"\d+", ":path": r".+"}


class Answer(msgspec.Struct, kw_only=True):
    """What a handler answers."""

    body: Any = None
    status: int = 200
    headers: dict[str, str] = {}


class Ask(msgspec.Struct, kw_only=True):
    """One call: what it asks for, and who asks."""

    method: str
    url: str
    """The full address without the query, for the links of a list."""
    params: dict[str, str]
    query: dict[str, str]
    raw: bytes
    actions: Actions
    access: Access
    app: App
    token: Token | None = None

    @property
    def actor(self) -> User:
        """Who does what is asked for: the App's bot user."""
        return self.app.bot

    def holder(self) -> Token:
        """Return the installation token of the call, or raise 401."""
        if self.token is None:
            raise bad_credentials()
        return self.token

    def repository(self, needs: str = "metadata:read") -> Repository:
        """Return the repository of the path; raises 404, and 403 where the token does not cover it."""
        name = f"{self.params['owner']}/{self.params['repo']}"
        return covered(self.holder(), self.actions.world.repository(name), needs)

    def number(self, name: str = "number") -> int:
        """Return a number of the path."""
        return int(self.params[name])

    def thread(self, level: Literal["read", "write"]) -> Issue:
        """Return the issue or pull request of the path, if the token may read or write its kind."""
        found = self.repository().threads.get(self.number())
        return self._permitted(found, level)

    def _permitted(self, found: Issue | None, level: str) -> Issue:
        if found is None:
            raise not_found()
        names = "issues|pull_requests" if isinstance(found, Pull) else "issues"
        if not allows(self.holder().permissions, f"{names}:{level}"):
            raise not_accessible()
        return found

    def comment(self, level: Literal["read", "write"]) -> Comment:
        """Return the comment of the path, if the token may read or write in its thread."""
        found = self.repository().comments.get(self.number("comment"))
        self._permitted(found.issue if found else None, level)
        assert found is not None  # noqa: S101 - a missing one was refused in the line before
        return found

    def pull(self, level: Literal["read", "write"]) -> Pull:
        """Return the pull request of the path."""
        found = self.repository(f"pull_requests:{level}").threads.get(self.number())
        if not isinstance(found, Pull):
            raise not_found()
        return found

    def user(self, login: str) -> User:
        """Return a user, or raise 404."""
        found = self.actions.world.user(login)
        if found is None:
            raise not_found()
        return found

    def read(self, wanted: type[Body]) -> Body:
        """Read the body strictly (see ``bodies``); unknown fields become complaints."""
        return self.convert(bodies.parse(self.raw), wanted)

    def convert(self, sent: Any, wanted: type[Body]) -> Body:
        """Like ``read``, for a body that was parsed already."""
        found, strange = bodies.read(sent, wanted)
        for field in strange:
            self.actions.ledger.complain(f"{self.method} {self.url}: unknown field {field}")
        return found

    def page(self, things: list[Any], shape: Callable[[Any], Any]) -> Answer:
        """Answer one page of a list, with the ``Link`` header where there are more."""
        chosen, links = self.cut(things)
        return Answer(body=[shape(thing) for thing in chosen], headers=links)

    def cut(self, things: list[Any]) -> tuple[list[Any], dict[str, str]]:
        """Return the page that was asked for, and its ``Link`` header."""
        size = min(max(self._query_number("per_page", _DEFAULT_PAGE), 1), _LARGEST_PAGE)
        page = max(self._query_number("page", 1), 1)
        last = max(1, -(-len(things) // size))
        wanted = {"prev": page - 1, "next": page + 1, "last": last, "first": 1}
        if page >= last:
            del wanted["next"], wanted["last"]
        if page == 1:
            del wanted["prev"], wanted["first"]
        rest = "".join(f"&{k}={v}" for k, v in self.query.items() if k not in PAGING)
        links = [f'<{self.url}?per_page={size}&page={n}{rest}>; rel="{rel}"' for rel, n in wanted.items()]
        return things[(page - 1) * size : page * size], {"Link": ", ".join(links)} if links else {}

    def _query_number(self, name: str, otherwise: int) -> int:
        value = self.query.get(name, "")
        return int(value) if value.isdecimal() else otherwise


Handler = Callable[[Ask], Answer]


class Route(msgspec.Struct, frozen=True, kw_only=True):
    """A route: which calls it takes, who may call, what it may be asked."""

    method: str
    pattern: re.Pattern[str]
    handler: Handler
    auth: Literal["app", "installation"]
    kind: str
    query: tuple[str, ...]


class Routes:
    """The routes of one resource, collected by a decorator."""

    def __init__(self) -> None:
        self._routes: list[Route] = []

    def __iter__(self) -> Iterator[Route]:
        return iter(self._routes)

    def add(
        self,
        method: str,
        template: str,
        *,
        auth: Literal["app", "installation"] = "installation",
        kind: str = "api",
        query: tuple[str, ...] = (),
    ) -> Callable[[Handler], Handler]:
        """Register a handler for ``template``: ``{name}``, ``{name:int}`` or ``{name:path}`` are its parameters."""

        def register(handler: Handler) -> Handler:
            pattern = re.sub(r"\{(\w+)(:\w+)?\}", lambda m: f"(?P<{m[1]}>{_CONVERTERS[m[2] or '']})", template)
            route = Route(
                method=method,
                pattern=re.compile(pattern),
                handler=handler,
                auth=auth,
                kind=kind,
                query=query,
            )
            self._routes.append(route)
            return handler

        return register


def limit_characters(resource: str, text: str | None) -> None:
    """Raise 422 for a body of more than 65,536 characters."""
    if text is not None and len(text) > bodies.COMMENT_CHARACTERS:
        message = f"body is too long (maximum is {bodies.COMMENT_CHARACTERS} characters)"
        raise validation_failed(resource, "body", "custom", message)


def rate_headers(limit: Mapping[str, int]) -> dict[str, str]:
    """Return the primary rate limit as headers."""
    return {f"X-RateLimit-{name.capitalize()}": str(value) for name, value in limit.items()}
