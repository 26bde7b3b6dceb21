"""Prints each alias that the registry moves, as MLflow's webhook says: `SECRET=... python server/webhook.py [PORT]`."""

import base64
import hashlib
import hmac
import json
import os
import sys
import time
from http.server import BaseHTTPRequestHandler, HTTPServer


class Receiver(BaseHTTPRequestHandler):
    """Takes a webhook of MLflow that is signed with the secret, and at most five minutes old."""

    def do_POST(self) -> None:
        """Check the signature over the delivery's id, its time and its body; then print what it says."""
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        sent_at, delivery = (self.headers.get(f"X-MLflow-{name}", "") for name in ("Timestamp", "Delivery-Id"))
        signed = hmac.new(os.environ["SECRET"].encode(), f"{delivery}.{sent_at}.".encode() + body, hashlib.sha256)
        signature = f"v1,{base64.b64encode(signed.digest()).decode()}"
        theirs = self.headers.get("X-MLflow-Signature", "")
        right = hmac.compare_digest(signature.encode(), theirs.encode()) and time.time() - int(sent_at) < 300
        if right:
            said = json.loads(body)["data"]
            print(f"{said['name']}: {said['alias']} is version {said['version']}", flush=True)
        self.send_response(204 if right else 401)
        self.end_headers()


HTTPServer(("127.0.0.1", int(sys.argv[1]) if len(sys.argv) > 1 else 8090), Receiver).serve_forever()
