"""A small stateful GitHub on loopback: what ``swarmbot demo`` and the story tests run against.

It imports nothing of the bot. ``DemoGitHub`` is the entrance; ``story`` has what people do and see there.
"""

from swarmbot.demo.github.ledger import Call, UnexpectedWords
from swarmbot.demo.github.server import DemoGitHub, make_private_key
from swarmbot.demo.github.state import CheckRun, Comment, Issue, Pull, Reaction, Repository, User
from swarmbot.demo.github.webhooks import Delivery

__all__ = [
    "Call",
    "CheckRun",
    "Comment",
    "Delivery",
    "DemoGitHub",
    "Issue",
    "Pull",
    "Reaction",
    "Repository",
    "UnexpectedWords",
    "User",
    "make_private_key",
]
