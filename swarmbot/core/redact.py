"""Takes secrets out of text that leaves the bot. Pure.

Known values are taken out exactly, also in base64 and as parts of a web address; then whatever has the shape of a
credential. Colours and cursor movements are no hiding place: text is redacted after escape sequences were removed.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Iterable
from urllib.parse import quote

HIDDEN = "[redacted]"
_SHORTEST = 6
"""Shorter values are no secrets; hiding them would only make text unreadable."""

_ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[PX^_][^\x1b]*\x1b\\|[ -/]*[0-Z\\-~])")
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")

_PATTERNS = (
    re.compile(r"gh[pousr]_[A-Za-z0-9._-]{36,}"),
    re.compile(r"github_pat_[A-Za-z0-9_]{22,}"),
    re.compile(r"(?<![A-Za-z0-9])sk-(?:ant-|proj-)?[A-Za-z0-9_-]{20,}"),
    re.compile(r"AIza[A-Za-z0-9_-]{35}"),
    re.compile(r"(?:AKIA|ASIA)[A-Z0-9]{16}"),
    re.compile(r"xox[abprs]-[A-Za-z0-9-]{10,}"),
    # The look-behind keeps it linear: without, each "eyJ" inside a long word begins a search of its own.
    re.compile(r"(?<![A-Za-z0-9_-])eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}"),
    re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)", re.DOTALL),
    re.compile(r"(?<=://)[^/\s:@]*:[^/\s@]+(?=@)"),
    re.compile(r"(?i)(?<=authorization: )(?:basic|bearer|token) [A-Za-z0-9+/=._-]{8,}"),
)


def plain(text: str) -> str:
    """Take escape sequences and control characters (newline and tab stay) out of terminal output."""
    return _CONTROLS.sub("", _ESCAPES.sub("", text))


def redactor(secrets: Iterable[str]) -> Callable[[str], str]:
    """Return a function that hides ``secrets`` and everything that looks like a credential."""
    forms: set[str] = set()
    for secret in secrets:
        if len(secret) >= _SHORTEST:
            forms |= {secret, quote(secret, safe=""), *_base64_forms(secret)}
    known = re.compile("|".join(re.escape(form) for form in sorted(forms, key=len, reverse=True))) if forms else None

    def redact(text: str) -> str:
        clean = known.sub(HIDDEN, text) if known else text
        for pattern in _PATTERNS:
            clean = pattern.sub(HIDDEN, clean)
        return clean

    return redact


def _base64_forms(secret: str) -> set[str]:
    """Return what base64 makes of the secret at each of the three offsets it can have, without the unsure ends."""
    raw = secret.encode()
    forms = {base64.b64encode(raw).decode().rstrip("=")}
    for offset in range(3):
        encoded = base64.b64encode(b"\0" * offset + raw).decode().rstrip("=")
        inner = encoded[(offset * 8 + 5) // 6 : len(encoded) - 1]
        if len(inner) >= _SHORTEST:
            forms.add(inner)
    return forms
