"""One log line an event, on standard error: for people on a terminal, JSON lines everywhere else."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, MutableMapping
from typing import Any

import structlog

from swarmbot.core.redact import redactor


def configure(secrets: tuple[str, ...] = (), *, level: int = logging.INFO) -> None:
    """Set up logging for the process; ``secrets`` and everything that looks like a credential are hidden in it."""
    human = sys.stderr.isatty()
    render: Any = structlog.dev.ConsoleRenderer() if human else structlog.processors.JSONRenderer()
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            _redacted(redactor(secrets)),
            render,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )
    # Libraries speak up only when something is wrong; their info lines hold addresses and arguments.
    logging.basicConfig(
        level=logging.WARNING, stream=sys.stderr, format="%(levelname)s %(name)s %(message)s", force=True
    )


def _redacted(
    redact: Callable[[str], str],
) -> Callable[[Any, str, MutableMapping[str, Any]], MutableMapping[str, Any]]:
    def process(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        return {name: redact(value) if isinstance(value, str) else value for name, value in event.items()}

    return process
