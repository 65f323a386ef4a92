"""A repository behind an http(s) address, with the token that opens it, and what git's words about it mean."""

from __future__ import annotations

import base64
import re
from urllib.parse import quote, urlsplit

from swarmbot.workspace.errors import GitError, GitTimeout, NetworkFailure, RepositoryUnavailable, WorkspaceError

_LOOPBACK = ("127.0.0.1", "::1", "localhost")
_CONTROL = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]|[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")

# The words are git's (remote-curl.c, http.c, transport.c) and curl's, in the C locale.
_UNAVAILABLE = re.compile(
    r"returned error: (?:401|403|404|410|451|30\d)|repository '.*' not found|Repository not found"
    r"|could not read Username|Authentication failed|Permission to .* denied|not granted|access denied",
    re.IGNORECASE,
)
_NETWORK = re.compile(
    r"returned error: (?:429|5\d\d)|Could not resolve|Failed to connect|Connection (?:refused|reset|timed out)"
    r"|timed out|Operation too slow|Empty reply|early EOF|RPC failed|unexpected disconnect|hung up unexpectedly"
    r"|unable to access|unexpectedly closed|\bSSL\b|\bTLS\b|HTTP/2 stream"
    r"|transfer closed|expected flush after|invalid server response",
    re.IGNORECASE,
)


class Remote:
    """An address and its token. The token leaves only through :meth:`environment`; no text of this class shows it."""

    def __init__(self, url: str, token: str) -> None:
        """Take an http or https address without credentials. Raises :class:`ValueError` for any other."""
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.username is not None:
            raise ValueError("a remote is an http or https address without user and password")
        if any(char.isspace() or not char.isprintable() for char in url):
            raise ValueError("a remote's address has no spaces or control characters")
        self.url = url
        self._token = token
        self._loopback = parts.hostname in _LOOPBACK

    def __repr__(self) -> str:
        return f"Remote({self.url!r}, token hidden)"

    def environment(self) -> dict[str, str]:
        """Return what gives git the token for this address and no other (git-config(1), ``GIT_CONFIG_COUNT``)."""
        header = f"Authorization: Basic {self._basic()}"
        settings = [(f"http.{self.url}.extraHeader", header)] if self._token else []
        # curl sends even loopback addresses to a proxy of the environment.
        settings += [("http.proxy", "")] if self._loopback else []
        pairs = {"GIT_CONFIG_COUNT": str(len(settings))}
        for number, (key, value) in enumerate(settings):
            pairs |= {f"GIT_CONFIG_KEY_{number}": key, f"GIT_CONFIG_VALUE_{number}": value}
        return pairs

    def hide(self, text: str) -> str:
        """Return ``text`` without the token, also where a remote echoes it encoded."""
        for secret in (self._token, quote(self._token, safe=""), self._basic()) if self._token else ():
            text = text.replace(secret, "[token]")
        return text

    def explain(self, error: GitError) -> WorkspaceError | None:
        """Return the named error behind a failed command, or None where neither the remote nor the network is it."""
        said = clean(error.stderr)
        if isinstance(error, GitTimeout):
            return NetworkFailure(f"{self.url} did not finish: {said}")
        if _UNAVAILABLE.search(said):
            return RepositoryUnavailable(f"{self.url} does not open: {said}")
        if _NETWORK.search(said):
            return NetworkFailure(f"{self.url} cannot be reached: {said}")
        return None

    def _basic(self) -> str:
        return base64.b64encode(f"x-access-token:{self._token}".encode()).decode()


def clean(text: str) -> str:
    """Return a remote's words fit for people: no control or direction characters, no surrogates, no blank lines."""
    plain = _CONTROL.sub("", text.replace("\r", "\n")).encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    return "\n".join(line.rstrip() for line in plain.split("\n") if line.strip())
