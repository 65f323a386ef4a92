"""The environment of a bot whose GitHub is the demo's; as a program, that of a bot that nobody will ask anything."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from swarmbot.demo import bot
from swarmbot.demo.github import DemoGitHub


def bot_environment(github: DemoGitHub, folder: Path, **settings: str) -> dict[str, str]:
    """Return it, with the App's files in ``folder``, ``shell`` as the agent, a free port, and ``settings`` on top."""
    return bot.bot_environment(github, "shell", folder, port=0) | settings


if __name__ == "__main__":
    where = Path(sys.argv[1])
    print(json.dumps(bot_environment(DemoGitHub(where / "github"), where)))
