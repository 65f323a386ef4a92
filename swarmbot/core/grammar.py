"""Finds commands in a comment, read as CommonMark. Pure.

A command is a line of plain text that begins with ``/agent`` or with the App's name as a mention. Code, quotes, links,
HTML, headings and emphasis never begin one; what stands in the middle of a sentence does not either.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable

import msgspec
from markdown_it import MarkdownIt
from markdown_it.token import Token

_MARKDOWN = MarkdownIt("commonmark")
_BREAKS = frozenset({"softbreak", "hardbreak"})
_OPENS_NO_COMMAND = frozenset({"blockquote_open", "heading_open"})
_WITH = re.compile(r"with(?:\s+|$)(?P<agent>\S*)\s*(?P<words>.*)", re.IGNORECASE | re.DOTALL)

MAX_BODY = 65_536
"""GitHub's own limit for a comment, in characters."""


class Invocation(msgspec.Struct, frozen=True):
    """One command as it was written: the verb in lower case, and what follows it."""

    verb: str
    rest: str = ""


class FixArguments(msgspec.Struct, frozen=True):
    """What stands behind ``fix``: ``[with AGENT[:MODEL]] [words]``."""

    agent: str | None
    words: str
    model: str = ""


def find(body: str, app_slug: str) -> list[Invocation]:
    """Return the commands in ``body`` from top to bottom; ``/agent`` alone has an empty verb."""
    start = rf"(?:/agent|@{re.escape(app_slug)}(?:\[bot\])?)(?:\s+|$)"
    prefix = re.compile(start, re.IGNORECASE | re.MULTILINE)
    # Reading CommonMark costs up to a second for a comment that is made to be slow; most hold no command at all.
    if not prefix.search(body):
        return []
    found = []
    for line in _plain_lines(body[:MAX_BODY]):
        if match := prefix.match(line):
            verb, _, rest = line[match.end() :].strip().partition(" ")
            found.append(Invocation(verb.lower().rstrip(".,:!"), rest.strip()))
    return found


def fix_arguments(rest: str) -> FixArguments:
    """Read what follows ``fix``. ``with`` without a name gives an empty agent."""
    if match := _WITH.fullmatch(rest):
        agent, _, model = match["agent"].rstrip(".,:;").partition(":")
        return FixArguments(agent.lower(), match["words"].strip(), model)
    return FixArguments(None, rest)


def did_you_mean(word: str, known: Iterable[str]) -> str | None:
    """Return the known word that is nearest to ``word``, if one is near."""
    near = difflib.get_close_matches(word, sorted(known), n=1, cutoff=0.65)
    return near[0] if near else None


def _plain_lines(body: str) -> list[str]:
    """Return the lines of paragraphs that begin with plain text."""
    lines: list[str] = []
    closed: list[str] = []
    for token in _MARKDOWN.parse(body):
        if token.type in _OPENS_NO_COMMAND:
            closed.append(token.type.replace("_open", "_close"))
        elif closed and token.type == closed[-1]:
            closed.pop()
        elif token.type == "inline" and not closed:
            lines += _lines_of(token.children or [])
    return lines


def _lines_of(children: list[Token]) -> list[str]:
    lines: list[str] = []
    line: list[str] = []
    plain_start = True
    for child in [*children, Token("softbreak", "", 0)]:
        if child.type in _BREAKS:
            if line and plain_start:
                lines.append("".join(line).strip())
            line, plain_start = [], True
            continue
        if child.type == "text" and not child.content:
            continue  # the parser puts one before emphasis, which would pass for a plain start
        if not line and child.type != "text":
            plain_start = False
        if child.type == "text":
            line.append(child.content)
        elif child.type == "code_inline":
            line.append(f"`{child.content}`")
        elif not line:
            line.append("")
    return lines
