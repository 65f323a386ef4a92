"""A model on loopback for the demo and for tests with the programs of real agents; nothing leaves the machine.

A ``DemoModel`` speaks Anthropic Messages, OpenAI Responses, OpenAI Chat Completions and Gemini's generateContent.
What it does is a play: ``async with DemoModel(fix()) as model: ...`` repairs the repository of the demo.
"""

from __future__ import annotations

from swarmbot.demo.model.conversation import Conversation, Usage
from swarmbot.demo.model.plays import (
    Play,
    call,
    edit_file,
    fails,
    first,
    fix,
    hangs,
    read_file,
    run,
    say,
    slow,
    then,
    write_file,
)
from swarmbot.demo.model.server import Asked, DemoModel

__all__ = [
    "Asked",
    "Conversation",
    "DemoModel",
    "Play",
    "Usage",
    "call",
    "edit_file",
    "fails",
    "first",
    "fix",
    "hangs",
    "read_file",
    "run",
    "say",
    "slow",
    "then",
    "write_file",
]
