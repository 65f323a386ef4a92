"""``swarmbot`` and ``python -m swarmbot``."""

from __future__ import annotations


def main() -> None:
    """Run the command line."""
    from swarmbot.cli import app  # noqa: PLC0415 - an import of the package alone stays cheap

    app(prog_name="swarmbot")


if __name__ == "__main__":
    main()
