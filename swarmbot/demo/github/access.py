"""Who calls: checks App JWTs, mints and checks installation tokens, and holds permissions against what is asked."""

from __future__ import annotations

import base64
import re
import secrets
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import msgspec
from jwt.types import Options

from swarmbot.demo.github.errors import ApiError, bad_credentials, not_accessible, not_found
from swarmbot.demo.github.state import App as DemoApp
from swarmbot.demo.github.state import Installation, Repository, World

JWT_LIFE = timedelta(minutes=10)
"""The furthest that a JWT's ``exp`` may lie ahead."""
TOKEN_LIFE = timedelta(hours=1)
"""An installation token cannot be renewed."""
TOKEN_SHAPE = re.compile(r"ghs_[A-Za-z0-9._-]{36,}")
"""How an installation token looks."""

_LEVELS = {"none": 0, "read": 1, "write": 2, "admin": 3}
# The clock is the world's, not the library's; the issuer may be a number, which the library refuses.
_JWT_OPTIONS: Options = {
    "require": ["exp", "iat", "iss"],
    "verify_exp": False,
    "verify_iat": False,
    "verify_iss": False,
}
_CLOCK_DRIFT = timedelta(seconds=60)


class Token(msgspec.Struct, eq=False, kw_only=True):
    """An installation token: what it covers, and until when."""

    text: str
    installation: Installation
    repositories: list[Repository]
    permissions: dict[str, str]
    selected: bool
    """Whether it was asked for some repositories only."""
    expires_at: datetime
    revoked: bool = False


class Access:
    """The gate: turns credentials into what they allow, or raises the ``ApiError`` that GitHub would answer."""

    def __init__(self, world: World, app: DemoApp) -> None:
        self._world = world
        self._app = app
        self._tokens: dict[str, Token] = {}
        self._secret = secrets.token_bytes(32)

    def check_jwt(self, credentials: str) -> None:
        """Take a JWT that the App signed (RS256), or raise 401 with GitHub's reason."""
        if TOKEN_SHAPE.fullmatch(credentials):
            raise ApiError(401, "A JSON web token could not be decoded")
        try:
            claims = jwt.decode(credentials, self._app.public_key, ["RS256"], options=_JWT_OPTIONS)
        except jwt.MissingRequiredClaimError as missing:
            raise ApiError(401, f"Missing '{missing.claim}' claim in assertion") from missing
        except jwt.PyJWTError as bad:
            raise ApiError(401, "A JSON web token could not be decoded") from bad
        self._check_claims(claims)

    def _check_claims(self, claims: dict[str, Any]) -> None:
        now = self._world.now()
        try:
            issued = datetime.fromtimestamp(claims["iat"], UTC)
            expires = datetime.fromtimestamp(claims["exp"], UTC)
        except (TypeError, ValueError, OverflowError) as bad:
            raise ApiError(401, "'Expiration time' and 'Issued at' claims must be numeric") from bad
        if issued > now + _CLOCK_DRIFT:
            raise ApiError(401, "'Issued at' claim ('iat') must be an Integer representing a time in the past")
        if expires <= now:
            raise ApiError(401, "'Expiration time' claim ('exp') must be a numeric value in the future")
        if expires > now + JWT_LIFE + _CLOCK_DRIFT or expires > issued + JWT_LIFE + _CLOCK_DRIFT:
            raise ApiError(401, "'Expiration time' claim ('exp') is too far in the future")
        if str(claims["iss"]) != str(self._app.id):
            raise ApiError(404, "Integration not found")

    def mint(
        self,
        installation: Installation,
        *,
        names: list[str] | None,
        ids: list[int] | None,
        permissions: dict[str, str] | None,
    ) -> Token:
        """Make a token, for some repositories and permissions where they are given, else for all of them.

        Raises 422 for a repository or permission that the installation does not have.
        """
        for name, level in (permissions or {}).items():
            if _LEVELS.get(level, 9) > _LEVELS[installation.permissions.get(name, "none")]:
                refusal = "The permissions requested are not granted to this installation."
                raise ApiError(422, refusal)
        granted = permissions or installation.permissions
        token = Token(
            text=self._token_text(installation),
            installation=installation,
            repositories=_chosen(installation, names, ids),
            permissions={"metadata": "read", **granted},
            selected=names is not None or ids is not None,
            expires_at=self._world.now().replace(microsecond=0) + TOKEN_LIFE,
        )
        self._tokens[token.text] = token
        return token

    def _token_text(self, installation: Installation) -> str:
        # Real ones are some 520 characters, dots included, which is what length limits and redaction trip over.
        claims = {"iss": "demo", "inst": installation.id, "jti": secrets.token_urlsafe(250)}
        return f"ghs_{self._app.id}_{jwt.encode(claims, self._secret, 'HS256')}"

    def token(self, credentials: str) -> Token:
        """Return the living token with this text, or raise 401."""
        found = self._tokens.get(credentials)
        if found is None or found.revoked or found.expires_at <= self._world.now():
            raise bad_credentials()
        return found

    def living_tokens(self) -> list[Token]:
        """Return the tokens that still open something."""
        now = self._world.now()
        return [token for token in self._tokens.values() if not token.revoked and token.expires_at > now]

    def why_refused(self, credentials: str) -> str:
        """Say for a complaint what is wrong with credentials, without repeating them."""
        found = self._tokens.get(credentials)
        if found is None:
            return "with a JWT instead of an installation token" if credentials[:2] == "ey" else "unknown token"
        return "after its token was revoked" if found.revoked else "after its token had expired"


def _chosen(installation: Installation, names: list[str] | None, ids: list[int] | None) -> list[Repository]:
    if names is None and ids is None:
        return list(installation.repositories)
    wanted = [name.lower() for name in names or []]
    chosen = [
        repository
        for repository in installation.repositories
        if repository.name.lower() in wanted or repository.id in (ids or [])
    ]
    if not chosen or len(chosen) < len({*wanted, *(ids or [])}):
        reason = "There is at least one repository that does not exist or is not accessible to the parent"
        raise ApiError(422, f"{reason} installation.")
    return chosen


def allows(permissions: dict[str, str], needs: str) -> bool:
    """Hold ``needs`` (``issues:write``, or ``issues|pull_requests:read``: one is enough) against permissions."""
    names, _, level = needs.partition(":")
    return any(_LEVELS[permissions.get(name, "none")] >= _LEVELS[level] for name in names.split("|"))


def covered(token: Token, repository: Repository | None, needs: str) -> Repository:
    """Return the repository if the token covers it and ``needs``; raises 404 or 403 as GitHub does."""
    if repository is None:
        raise not_found()
    if repository not in token.repositories or not allows(token.permissions, needs):
        raise not_accessible()
    return repository


def bearer(header: str) -> str:
    """Return the credentials of an ``Authorization: Bearer`` or ``token`` header, empty without one."""
    scheme, _, credentials = header.partition(" ")
    return credentials.strip() if scheme.lower() in ("bearer", "token") else ""


def basic_password(header: str) -> str:
    """Return the password of an ``Authorization: Basic`` header for ``x-access-token``, else an empty text."""
    scheme, _, encoded = header.partition(" ")
    if scheme.lower() != "basic":
        return ""
    try:
        name, _, password = base64.b64decode(encoded, validate=True).decode().partition(":")
    except ValueError:
        return ""
    return password if name == "x-access-token" else ""
