"""The repository of the demo: ``wordcount``, a small Python project with a bug, a failing test and a report of it."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from swarmbot.demo.github.git_objects import GitError, commit_of, git

ISSUE_TITLE = "Crash on empty file"

ISSUE_BODY = """\
`wordcount` ends with a traceback when the file is empty. I would expect an average of 0.

```console
$ touch notes.txt
$ python -m wordcount notes.txt
Traceback (most recent call last):
  File "wordcount/__main__.py", line 20, in <module>
    sys.exit(main(sys.argv))
  File "wordcount/__main__.py", line 14, in main
    print(f"average length  {stats.average_length(text)}")
  File "wordcount/stats.py", line 21, in average_length
    return round(sum(len(word) for word in found) / len(found), 2)
ZeroDivisionError: division by zero
```

`tests/test_stats.py` has a test for it (`test_average_length_of_an_empty_file`), which fails.
"""

_README = """\
# wordcount

Counts the words of a text file and says how long they are on average.

    python -m wordcount README.md

The tests need nothing but Python:

    python -m unittest
"""

_MAIN = '''\
"""The command line: ``python -m wordcount FILE``."""

import sys
from pathlib import Path

from wordcount import stats


def main(argv):
    if len(argv) != 2:
        print("usage: python -m wordcount FILE", file=sys.stderr)
        return 2
    text = Path(argv[1]).read_text(encoding="utf-8")
    print(f"average length  {stats.average_length(text)}")
    print(f"words           {stats.count(text)}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
'''

_STATS = '''\
"""Figures about the words of a text."""

import re

WORD = re.compile(r"[\\w']+")


def words(text):
    """Return the words of a text, in their order."""
    return WORD.findall(text)


def count(text):
    """Return how many words a text has."""
    return len(words(text))


def average_length(text):
    """Return the average length of the words of a text, to two places."""
    found = words(text)
    return round(sum(len(word) for word in found) / len(found), 2)
'''

_TESTS = """\
import unittest

from wordcount import stats


class StatsTest(unittest.TestCase):
    def test_words_leave_punctuation_out(self):
        self.assertEqual(stats.words("Well, don't panic!"), ["Well", "don't", "panic"])

    def test_count(self):
        self.assertEqual(stats.count("one two  three\\n"), 3)

    def test_count_of_an_empty_file(self):
        self.assertEqual(stats.count(""), 0)

    def test_average_length(self):
        self.assertEqual(stats.average_length("a bb ccc"), 2.0)

    def test_average_length_is_rounded(self):
        self.assertEqual(stats.average_length("a a bb"), 1.33)

    def test_average_length_of_an_empty_file(self):
        self.assertEqual(stats.average_length(""), 0)


if __name__ == "__main__":
    unittest.main()
"""

FILES = {
    ".gitignore": "__pycache__/\n*.pyc\n",
    "README.md": _README,
    "tests/__init__.py": "",
    "tests/test_stats.py": _TESTS,
    "wordcount/__init__.py": "",
    "wordcount/__main__.py": _MAIN,
    "wordcount/stats.py": _STATS,
}
"""Path -> text of the one commit."""

_AUTHOR = b"Ada Example <ada@example.com> 1767225600 +0000"
_SECONDS = 60.0


def build(path: Path) -> str:
    """Make the bare repository at ``path`` with one commit on ``main``; return that commit's sha.

    Author and date are fixed, so the sha is the same wherever it is made. Raises ``GitError``.
    """
    git("init", "--bare", "--quiet", "--initial-branch=main", "--template=", str(path))
    git("-C", str(path), "fast-import", "--quiet", stdin=_fast_import())
    sha = commit_of(path, "main")
    if sha is None:
        raise GitError(f"fast-import made no branch main in {path}")
    return sha


def commit_file(bare: Path, branch: str, path: str, text: str) -> str:
    """Add one commit with a new text for the file at ``path`` to ``branch``; return its sha. Raises ``GitError``."""
    git("-C", str(bare), "fast-import", "--quiet", stdin=_fast_import({path: text}, f"Set {path}\n", branch))
    return commit_of(bare, branch) or ""


def _fast_import(
    files: Mapping[str, str] = FILES, message: str = "Count words and their average length\n", branch: str = ""
) -> bytes:
    """Return the stream of one commit; on top of ``branch``, or the first one on ``main``."""
    stream = b"commit refs/heads/%b\nauthor %b\ncommitter %b\n" % ((branch or "main").encode(), _AUTHOR, _AUTHOR)
    stream += b"data %d\n%b\n" % (len(message.encode()), message.encode())
    stream += b"from refs/heads/%b^0\n" % branch.encode() if branch else b""
    for name, text in files.items():
        data = text.encode()
        stream += b"M 100644 inline %b\ndata %d\n%b\n" % (name.encode(), len(data), data)
    return stream + b"done\n"


def run_tests(bare: Path, ref: str) -> tuple[bool, str]:
    """Clone a repository in a temporary folder and run its unit tests at ``ref`` (a branch or a commit).

    Returns whether they passed, and their output. It runs the code that it finds there, with an environment that
    holds nothing of value. Raises ``GitError`` for an unknown ref.
    """
    sha = commit_of(bare, ref)
    if sha is None:
        raise GitError(f"{ref} is no commit of {bare}")
    with tempfile.TemporaryDirectory(prefix="swarmbot-demo-") as folder:
        tree = Path(folder) / "tree"
        git("clone", "--quiet", "--shared", "--no-checkout", str(bare), str(tree))
        git("-C", str(tree), "checkout", "--quiet", "--detach", sha)
        environment = {
            "PATH": os.environ.get("PATH", os.defpath),
            "HOME": folder,
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTHONIOENCODING": "utf-8",
        }
        try:
            done = subprocess.run(
                [sys.executable, "-m", "unittest"],
                cwd=tree,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                timeout=_SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired as late:
            output = (late.output or b"").decode(errors="replace")
            return False, f"{output}\nthe tests took longer than {_SECONDS:.0f} s"
        return done.returncode == 0, done.stdout.decode(errors="replace")
