"""The demo model by hand: ``python -m swarmbot.demo.model PORT --play fix``. Prints a line for each request."""

from __future__ import annotations

import argparse
import asyncio
import json
from collections.abc import Callable
from functools import partial
from itertools import count
from typing import get_args

from swarmbot.demo.model import plays
from swarmbot.demo.model.server import Asked, DemoModel
from swarmbot.demo.model.trouble import Kind

_PLAYS: dict[str, Callable[[str], plays.Play]] = {
    "fix": lambda _: plays.fix(),
    "say": lambda words: plays.say(words or plays.CLOSING),
    "write": lambda words: plays.then(
        plays.write_file(words or "HELLO.md", "hello from the demo model\n"), plays.say("Written.")
    ),
    "run": lambda words: plays.then(plays.run(words or "echo hello"), plays.say("It ran.")),
    "fails": lambda words: plays.fails(next((kind for kind in get_args(Kind) if kind == words), "model_error")),
    "hangs": lambda words: plays.hangs("midway" if words == "midway" else "before"),
    "slow": lambda words: plays.slow(float(words or 0.2), plays.fix()),
}


def _line(asked: Asked) -> str:
    talk = asked.conversation
    told = {"results": len(talk.results), "task": talk.task[-60:], "beside": talk.beside} if talk else {}
    return json.dumps({"path": asked.path, **told}, ensure_ascii=False)


async def _main(port: int, play: plays.Play, log: str | None) -> None:
    async with DemoModel(play, port=port) as model:
        print(model.url, flush=True)
        for number in count():
            await model.until(partial(_arrived, number))
            asked = model.requests[number]
            print(_line(asked), flush=True)
            if log is not None:
                _append(log, {"path": asked.path, "body": asked.body})


def _arrived(number: int, model: DemoModel) -> bool:
    if len(model.requests) <= number:
        return False
    asked = model.requests[number]
    return asked.status != 0 or asked.conversation is not None


def _append(path: str, entry: dict[str, object]) -> None:
    with open(path, "a", encoding="utf-8") as file:  # noqa: PTH123
        file.write(json.dumps(entry) + "\n")


def main() -> None:
    """Read the command line and serve until Ctrl-C."""
    parser = argparse.ArgumentParser(prog="python -m swarmbot.demo.model")
    parser.add_argument("port", type=int, help="port on 127.0.0.1; 0: a free one")
    parser.add_argument("--play", choices=sorted(_PLAYS), default="fix")
    parser.add_argument("--words", default="", help="the text, path, command, kind of error or seconds of the play")
    parser.add_argument("--log", help="file that takes each request as a line of JSON")
    given = parser.parse_args()
    try:
        asyncio.run(_main(given.port, _PLAYS[given.play](given.words), given.log))
    except KeyboardInterrupt:
        print()


if __name__ == "__main__":
    main()
