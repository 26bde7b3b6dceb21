import hashlib
import time
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler
from pathlib import Path

import pytest
from servers import serving

from kdops.data.catalog import RemoteFile, downloads
from kdops.errors import UserError

CONTENT = b"enak\tpositive\n"
FILE = RemoteFile("owner/repo", "c0ffee", "data/a file.tsv", hashlib.sha256(CONTENT).hexdigest(), len(CONTENT))


class QuietHandler(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def copies(tmp_path: Path) -> Path:
    folder = tmp_path / "mirror"
    path = folder / FILE.address
    path.parent.mkdir(parents=True)
    path.write_bytes(CONTENT)
    return folder


@pytest.fixture
def server(copies: Path) -> Iterator[str]:
    with serving(partial(QuietHandler, directory=str(copies))) as address:
        yield address


def left_over(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def test_fetches_from_a_mirror_folder(copies: Path, kdops_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KDOPS_DATA_MIRROR", str(copies))
    path = downloads.fetch(FILE)
    assert path.read_bytes() == CONTENT
    assert left_over(kdops_home) == [path]


@pytest.mark.parametrize("slash", ["", "/"])
def test_fetches_over_http(server: str, kdops_home: Path, monkeypatch: pytest.MonkeyPatch, slash: str) -> None:
    monkeypatch.setenv("KDOPS_DATA_MIRROR", server + slash)
    path = downloads.fetch(FILE)
    assert path.read_bytes() == CONTENT
    assert left_over(kdops_home) == [path]


def test_fetches_from_the_host_when_no_mirror_is_named(server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KDOPS_DATA_MIRROR", raising=False)
    monkeypatch.setattr(downloads, "HOST", server)
    assert downloads.fetch(FILE).read_bytes() == CONTENT


def test_second_fetch_needs_nobody(copies: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KDOPS_DATA_MIRROR", str(copies))
    path = downloads.fetch(FILE)
    monkeypatch.setenv("KDOPS_DATA_MIRROR", "/nowhere")
    assert downloads.fetch(FILE) == path


def test_changed_copy_is_fetched_again(copies: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KDOPS_DATA_MIRROR", str(copies))
    downloads.fetch(FILE).write_bytes(b"damaged")
    assert downloads.fetch(FILE).read_bytes() == CONTENT


@pytest.mark.parametrize("over_http", [False, True])
def test_wrong_bytes_are_refused_with_both_sums(
    copies: Path, server: str, kdops_home: Path, monkeypatch: pytest.MonkeyPatch, over_http: bool
) -> None:
    monkeypatch.setenv("KDOPS_DATA_MIRROR", server if over_http else str(copies))
    (copies / FILE.address).write_bytes(b"something else")
    found = hashlib.sha256(b"something else").hexdigest()
    with pytest.raises(UserError, match=rf"file\.tsv: sha256 is {found}, expected {FILE.sha256}"):
        downloads.fetch(FILE)
    assert left_over(kdops_home) == []


def test_mirror_folder_without_the_file_says_where_it_looked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KDOPS_DATA_MIRROR", str(tmp_path))
    with pytest.raises(
        UserError, match=rf"{tmp_path}/owner/repo/c0ffee/data/a file.tsv: No such file.*KDOPS_DATA_MIRROR"
    ):
        downloads.fetch(FILE)


def test_address_the_server_does_not_know(server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KDOPS_DATA_MIRROR", f"{server}/elsewhere")
    with pytest.raises(
        UserError, match=r"cannot download http://127.*a%20file.tsv: .*(?i:not found).*set KDOPS_DATA_MIRROR"
    ):
        downloads.fetch(FILE)


def test_no_network_and_no_mirror_is_said_within_seconds(kdops_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KDOPS_DATA_MIRROR", raising=False)
    monkeypatch.setattr(downloads, "HOST", "http://127.0.0.1:9")  # a port where nobody listens
    start = time.perf_counter()
    with pytest.raises(
        UserError, match=r"cannot download http://127.0.0.1:9/owner.*refused.*set KDOPS_DATA_MIRROR to a folder or URL"
    ):
        downloads.fetch(FILE)
    assert time.perf_counter() - start < 5
    assert left_over(kdops_home) == []


def test_silent_server_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    class Silent(QuietHandler):
        def do_GET(self) -> None:
            time.sleep(1)

    monkeypatch.setattr(downloads, "_TIMEOUT_S", 0.2)
    with serving(Silent) as address:
        monkeypatch.setenv("KDOPS_DATA_MIRROR", address)
        with pytest.raises(UserError, match="timed out"):
            downloads.fetch(FILE)


def test_connection_that_breaks_off_is_named(kdops_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Broken(QuietHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", "1000")
            self.end_headers()
            self.wfile.write(b"half")

    with serving(Broken) as address:
        monkeypatch.setenv("KDOPS_DATA_MIRROR", address)
        with pytest.raises(UserError, match=r"sha256 is|cannot download"):
            downloads.fetch(FILE)
    assert left_over(kdops_home) == []
