"""Git over HTTP on loopback: ``git http-backend`` behind the standard library's server, with one token."""

from __future__ import annotations

import base64
import contextlib
import os
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from urllib.parse import urlsplit

_ENVIRONMENT = {
    "PATH": os.environ.get("PATH", os.defpath),
    "LC_ALL": "C.UTF-8",
    "HOME": "/nonexistent",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_AUTHOR_NAME": "Ann",
    "GIT_AUTHOR_EMAIL": "ann@example.com",
    "GIT_COMMITTER_NAME": "Ann",
    "GIT_COMMITTER_EMAIL": "ann@example.com",
}


def plain_git(*args: str, cwd: Path, stdin: str | None = None) -> str:
    """Run git as a person would, without any of the bot's care. Raises on failure."""
    done = subprocess.run(
        ["git", *args], cwd=cwd, env=_ENVIRONMENT, input=stdin, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, f"git {args}: {done.stderr}"
    return done.stdout.strip()


class GitServer:
    """Serves the bare repositories of ``folder`` to who has ``token``. A context manager; its threads end with it."""

    token = "ghs_12345_abcDEF-secret.of~the/test"

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.requests: list[str] = []
        """Method and path of every request with the token, in order."""
        self.command_lines: set[bytes] = set()
        """What ``ps`` showed of every git on the machine while a request was served."""
        self.fail: dict[str, tuple[int, str]] = {}
        """Answer a service (such as ``git-receive-pack``) with this status and text."""
        self.held: threading.Event | None = None
        """Where set, a request for objects is announced on ``arrived`` and waits for this."""
        self.arrived = threading.Event()
        self._server = _Server(self)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.005})

    def __enter__(self) -> GitServer:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self.held:
            self.held.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(10)

    def url(self, name: str) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}/{name}.git"

    def repository(self, name: str) -> Path:
        """Make an empty repository and return its folder."""
        path = self.folder / f"{name}.git"
        path.mkdir(parents=True)
        plain_git("init", "-q", "--bare", "-b", "main", ".", cwd=path)
        plain_git("config", "http.receivepack", "true", cwd=path)
        return path

    def commit(self, name: str, files: dict[str, str], branch: str = "main") -> str:
        """Add a commit with ``files`` (a person's push) and return its hash."""
        bare = self.folder / f"{name}.git"
        work = self.folder / f"{name}.{len(list(self.folder.iterdir()))}.work"
        plain_git("clone", "-q", str(bare), str(work), cwd=self.folder)
        known = plain_git("ls-remote", "origin", f"refs/heads/{branch}", cwd=work)
        plain_git(*(["checkout", "-q", branch] if known else ["checkout", "-q", "-B", branch]), cwd=work)
        for path, text in files.items():
            (work / path).parent.mkdir(parents=True, exist_ok=True)
            (work / path).write_text(text)
        plain_git("add", "-A", cwd=work)
        plain_git("commit", "-qm", "work", cwd=work)
        plain_git("push", "-q", "origin", branch, cwd=work)
        return plain_git("rev-parse", "HEAD", cwd=work)

    def commit_entry(self, name: str, mode: str, kind: str, path: str) -> None:
        """Add a commit that holds only ``path``, a ``blob`` or a submodule's ``commit``, which git would not add."""
        bare = self.folder / f"{name}.git"
        blob = plain_git("hash-object", "-w", "--stdin", cwd=bare, stdin="hostile")
        entry = plain_git("rev-parse", "main", cwd=bare) if kind == "commit" else blob
        *folders, last = path.split("/")
        tree = plain_git("mktree", "--missing", cwd=bare, stdin=f"{mode} {kind} {entry}\t{last}\n")
        for folder in folders:
            tree = plain_git("mktree", cwd=bare, stdin=f"040000 tree {tree}\t{folder}\n")
        commit = plain_git("commit-tree", "-m", "hostile", "-p", "main", tree, cwd=bare)
        plain_git("update-ref", "refs/heads/main", commit, cwd=bare)

    def hook(self, name: str, script: str) -> None:
        """Let the repository decide about pushes by a ``pre-receive`` script."""
        path = self.folder / f"{name}.git" / "hooks" / "pre-receive"
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)

    def note_command_lines(self) -> None:
        for entry in Path("/proc").iterdir():
            try:
                line = (entry / "cmdline").read_bytes() if entry.name.isdigit() else b""
            except OSError:
                continue
            if b"git" in line:
                self.command_lines.add(line)


class _Server(ThreadingHTTPServer):
    """The server's threads are waited for when it closes."""

    daemon_threads = False

    def __init__(self, owner: GitServer) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.owner = owner
        self.wanted = "Basic " + base64.b64encode(f"x-access-token:{owner.token}".encode()).decode()


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def do_GET(self) -> None:
        self._serve(b"")

    def do_POST(self) -> None:
        self._serve(self._body())

    def log_message(self, *args: object) -> None:
        """Say nothing: the tests look at ``requests``."""

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        parts = []
        while size := int(self.rfile.readline(), 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(parts)

    def _serve(self, body: bytes) -> None:
        self.server.owner.note_command_lines()
        if self.headers.get("Authorization") != self.server.wanted:
            self._say(401, "no")
            return
        self.server.owner.requests.append(f"{self.command} {self.path}")
        for service, (status, text) in self.server.owner.fail.items():
            if service in self.path:
                self._say(status, text)
                return
        if self.server.owner.held and self.command == "POST":
            self.server.owner.arrived.set()
            self.server.owner.held.wait(30)
        self._backend(body)

    def _say(self, status: int, text: str) -> None:
        self.send_response(status)
        if status == 401:
            self.send_header("WWW-Authenticate", 'Basic realm="test"')
        if status == 301:
            self.send_header("Location", text)
        self.send_header("Content-Type", "text/plain; charset=utf-8")
        self.send_header("Content-Length", str(len(text.encode())))
        self.end_headers()
        self.wfile.write(text.encode())

    def _backend(self, body: bytes) -> None:
        address = urlsplit(self.path)
        meta = {
            "GIT_PROJECT_ROOT": str(self.server.owner.folder),
            "GIT_HTTP_EXPORT_ALL": "1",
            "REQUEST_METHOD": self.command,
            "PATH_INFO": address.path,
            "QUERY_STRING": address.query,
            "CONTENT_TYPE": self.headers.get("Content-Type", ""),
            "CONTENT_LENGTH": str(len(body)),
            "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
            "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
            "REMOTE_USER": "x-access-token",
        }
        done = subprocess.run(
            ["git", "http-backend"],
            input=body,
            env=_ENVIRONMENT | meta,
            capture_output=True,
            check=False,
            timeout=60,
        )
        head, _, content = done.stdout.partition(b"\r\n\r\n")
        fields = dict(line.split(": ", 1) for line in head.decode().split("\r\n") if line)
        # A client that the test killed takes no answer.
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            self.send_response(int(fields.pop("Status", "200").split()[0]))
            for name, value in fields.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)
