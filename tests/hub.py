"""A Hugging Face hub on this machine that has one model."""

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread


class _Hub(ThreadingHTTPServer):
    """The server; it knows the model's id, its one commit, called main too, and the folder with its files."""

    def __init__(self, name: str, commit: str, folder: Path) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.name, self.commit, self.folder = name, commit, folder

    def answer(self, path: str) -> tuple[int, bytes, dict[str, str]]:
        """Status, content and headers for a path."""
        about, files = f"api/models/{self.name}", f"{self.name}/resolve"
        revisions = ("main", self.commit)
        if path == about or path in [f"{about}/revision/{one}" for one in revisions]:
            content = {"id": self.name, "modelId": self.name, "sha": self.commit, "siblings": []}
            return 200, json.dumps(content).encode(), {}
        if path.startswith(f"{about}/revision/"):
            return 404, b"", {"X-Error-Code": "RevisionNotFound"}
        for one in revisions:
            if path.startswith(f"{files}/{one}/") and (file := self.folder / path.rpartition("/")[2]).is_file():
                content = file.read_bytes()
                tag = hashlib.sha1(content).hexdigest()
                return 200, content, {"X-Repo-Commit": self.commit, "ETag": f'"{tag}"'}
        return 404, b"", {"X-Error-Code": "EntryNotFound", "X-Repo-Commit": self.commit}


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Hub

    def log_message(self, *_: object) -> None:
        pass

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        status, content, headers = self.server.answer(self.path.split("?")[0].strip("/"))
        self.send_response(status)
        for key, value in (headers | {"Content-Length": str(len(content))}).items():
            self.send_header(key, value)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(content)


@contextmanager
def local_hub(name: str, commit: str, folder: Path) -> Iterator[str]:
    """The address of a hub whose one model has the files of a folder at one commit, called main too."""
    server = _Hub(name, commit, folder)
    thread = Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
