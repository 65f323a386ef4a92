"""Where agents are confined. The sandbox does not stand yet: agents run with the rights of the worker's user.

That is said at every start, and nothing starts without the operator having said ``SWARMBOT_SANDBOX=off``.
"""

from __future__ import annotations

from typing import Literal


class SandboxMissing(Exception):
    """Agents would have to be confined and cannot be; the text says what to do."""


def require(mode: Literal["required", "auto", "off"]) -> None:
    """Return when agents may run under the setting ``SWARMBOT_SANDBOX``. Raises :class:`SandboxMissing`."""
    if mode != "off":
        raise SandboxMissing(
            f"SWARMBOT_SANDBOX is {mode!r}, and this version of swarmbot has no sandbox yet.\n"
            "Agents would run with all rights of this user: they could read its files, keys and network.\n"
            "On a machine and a user that hold nothing of value, set SWARMBOT_SANDBOX=off to allow that."
        )
