"""``DemoGitHub``: the demo GitHub on a port of loopback, as an async context manager."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType

import uvicorn
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send

from swarmbot.demo.github import api, git_http
from swarmbot.demo.github.access import Access
from swarmbot.demo.github.actions import Actions
from swarmbot.demo.github.ledger import Ledger
from swarmbot.demo.github.shapes import Shapes
from swarmbot.demo.github.state import App, Installation, World
from swarmbot.demo.github.story import Story
from swarmbot.demo.github.webhooks import Webhooks
from swarmbot.demo.loopback import close, listen

SLUG = "swarmbot"
OWNER = "acme"
PERMISSIONS = {
    "contents": "write",
    "issues": "write",
    "pull_requests": "write",
    "checks": "write",
    "metadata": "read",
}
EVENTS = (
    "issue_comment",
    "issues",
    "pull_request",
    "pull_request_review",
    "pull_request_review_comment",
    "check_run",
    "installation",
    "installation_repositories",
    "repository",
)
"""What the App hears of unless it is told otherwise: the manifest's events."""


def make_private_key() -> str:
    """Make an RSA key as GitHub makes one for an App; returns it as PEM."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    encoding, form = serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL
    return key.private_bytes(encoding, form, serialization.NoEncryption()).decode()


def _public_key(private_key: str) -> str:
    # Validating the key would take 50 ms; a broken one shows when the first JWT is checked.
    pem = private_key.encode()
    key = serialization.load_pem_private_key(pem, password=None, unsafe_skip_rsa_key_validation=True).public_key()
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return key.public_bytes(serialization.Encoding.PEM, form).decode()


def _now() -> datetime:
    return datetime.now(UTC)


class DemoGitHub(Story):
    """A small stateful GitHub: REST API, git over HTTP, webhooks; the words of its users are those of ``Story``.

    Inside ``async with`` it listens on 127.0.0.1 at a free port, in the running loop. ``folder`` takes the bare
    repositories. One user ``maintainer`` with write access, one organisation ``acme`` and one repository
    ``acme/wordcount`` with the App installed on it are there from the start.

    ``permissions`` and ``events`` are what the App was given and subscribed to; ``clock`` stamps everything and
    lets a test turn the time.
    """

    def __init__(
        self,
        folder: Path,
        *,
        app_id: int = 4242,
        private_key_pem: str | None = None,
        webhook_secret: str = "demo webhook secret",  # noqa: S107 - of a GitHub that lives for one demo
        hook_url: str | None = None,
        events: Iterable[str] = EVENTS,
        permissions: dict[str, str] | None = None,
        clock: Callable[[], datetime] = _now,
    ) -> None:
        self.app_id = app_id
        self.private_key = private_key_pem or make_private_key()
        self.webhook_secret = webhook_secret
        world = World(clock)
        owner = world.make_user(OWNER, "Organization")
        granted = {**(permissions or PERMISSIONS), "metadata": "read"}
        self.app = App(
            id=app_id,
            slug=SLUG,
            public_key=_public_key(self.private_key),
            owner=owner,
            bot=world.make_user(f"{SLUG}[bot]", "Bot"),
            permissions=granted,
            events=frozenset(events),
            created_at=world.now(),
        )
        installation = Installation(
            id=world.next_id(),
            account=owner,
            permissions=granted,
            events=self.app.events,
            created_at=world.now(),
        )
        world.installations[installation.id] = installation
        ledger, self._shapes = Ledger(), Shapes(self.app)
        webhooks = Webhooks(world, self.app, self._shapes, secret=webhook_secret, on_answer=ledger.changed)
        webhooks.url = hook_url
        actions = Actions(world, ledger, self._shapes, webhooks)
        super().__init__(world, actions, webhooks, installation, folder / "repositories")
        self.user("maintainer")
        self.access = Access(world, self.app)
        self._api = api.Api(actions, self.access, self.app)
        hooks = git_http.install_hook(folder / "hooks")
        self._git = git_http.GitHttp(actions, self.access, self.app, hooks)
        self._server: uvicorn.Server | None = None

    @property
    def installation_id(self) -> int:
        """The id of the one installation."""
        return self.installation.id

    @property
    def web_url(self) -> str:
        """``http://127.0.0.1:PORT``; git finds a repository at ``{web_url}/{owner}/{name}.git``."""
        return self._shapes.web_url

    @property
    def api_url(self) -> str:
        """The address of the REST API, without a slash at its end."""
        return self._shapes.api_url

    async def __aenter__(self) -> DemoGitHub:
        self._server, port = await listen(self._serve)
        self._shapes.web_url = f"http://127.0.0.1:{port}"
        self._shapes.api_url = self._shapes.web_url + api.PREFIX
        self._webhooks.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._webhooks.stop()
        if self._server is not None:
            await close(self._server)

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope["path"]
        request = Request(scope, receive)
        if path == api.PREFIX or path.startswith(f"{api.PREFIX}/"):
            response = await self._api.answer(request, path.removeprefix(api.PREFIX))
            await response(scope, receive, send)
        elif git_http.PATH.fullmatch(path):
            await self._git(scope, receive, send)
        else:
            self.ledger.complain(f"unknown address: {request.method} {path}")
            self.ledger.answered(request.method, path, 404, "unknown")
            nothing = PlainTextResponse(f"the demo GitHub has nothing at {path}", 404)
            await nothing(scope, receive, send)
