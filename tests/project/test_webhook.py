"""The receiver of MLflow's webhooks: what it takes from a server, and what it refuses."""

import base64
import hashlib
import hmac
import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import mlflow
import pytest
from place import ROOT
from servers import free_port

SECRET = "a long secret"
SAID = {"data": {"name": "kdops-reviews", "alias": "champion", "version": "3"}}
LINE = "kdops-reviews: champion is version 3\n"
PATIENCE_S = 300


@dataclass
class Receiver:
    """The program, on a port of its own."""

    process: subprocess.Popen[str]
    address: str

    def answer(self, secret: str = SECRET, age_s: float = 0, **headers: str) -> int:
        """How it answers what is signed with a secret some seconds ago."""
        body, sent_at = json.dumps(SAID).encode(), str(int(time.time() - age_s))
        signed = hmac.new(secret.encode(), f"id.{sent_at}.".encode() + body, hashlib.sha256).digest()
        sent = {
            **{"X-MLflow-Delivery-Id": "id", "X-MLflow-Timestamp": sent_at},
            **{"X-MLflow-Signature": f"v1,{base64.b64encode(signed).decode()}"},
        }
        try:
            with urllib.request.urlopen(urllib.request.Request(self.address, body, sent | headers)) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as error:
            return error.code

    def prints(self) -> str:
        """Its next line."""
        assert self.process.stdout is not None
        return self.process.stdout.readline()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, ROOT / "server" / "webhook.py", str(port)],
        env=os.environ | {"SECRET": SECRET},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    address = f"http://127.0.0.1:{port}"
    wait_for(address)
    yield Receiver(process, address)
    process.kill()
    process.communicate()


def wait_for(address: str) -> None:
    give_up = time.monotonic() + PATIENCE_S
    while True:
        try:
            urllib.request.urlopen(address)
        except urllib.error.HTTPError:
            return
        except OSError:
            assert time.monotonic() < give_up
            time.sleep(0.2)
        else:
            return


def test_what_is_signed_is_taken_and_nothing_else(receiver: Receiver) -> None:
    assert receiver.answer("a guess") == 401
    assert receiver.answer(age_s=600) == 401
    assert receiver.answer(**{"X-MLflow-Timestamp": str(int(time.time()) - 1)}) == 401
    assert receiver.answer(**{"X-MLflow-Signature": "v1,é"}) == 401
    assert receiver.answer() == 204
    assert receiver.prints() == LINE


@pytest.mark.slow
@pytest.mark.nightly
def test_mlflow_tells_it_that_an_alias_moved(receiver: Receiver, tracking_uri: str, tmp_path: Path) -> None:
    port = free_port()
    command = [sys.executable, "-m", "mlflow", "server", "--backend-store-uri", tracking_uri, "--host", "127.0.0.1"]
    allowed = {"MLFLOW_WEBHOOK_ALLOWED_SCHEMES": "http", "MLFLOW_WEBHOOK_ALLOW_PRIVATE_IPS": "true"}
    with (tmp_path / "server.log").open("w") as log:
        server = subprocess.Popen(
            [*command, "--port", str(port), "--workers", "1"],
            env=os.environ | allowed | {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"},
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        wait_for(f"http://127.0.0.1:{port}/health")
        client = mlflow.MlflowClient(f"http://127.0.0.1:{port}", f"http://127.0.0.1:{port}")
        client.create_webhook("champions", receiver.address, ["model_version_alias.created"], secret=SECRET)
        client.create_registered_model("kdops-reviews")
        for _ in range(3):
            client.create_model_version("kdops-reviews", "s3://kdops/model")
        client.set_registered_model_alias("kdops-reviews", "champion", "3")
        assert receiver.prints() == LINE
    finally:
        os.killpg(server.pid, 15)
        server.wait(30)
