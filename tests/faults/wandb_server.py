"""As much of wandb's server as its client needs to begin a run and to send it; and it may die."""

import gzip
import http.server
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

_PROJECT = {"id": "p", "name": "asr", "entity": {"id": "e", "name": "e"}}
_RUN = {"id": "r", "name": "k", "displayName": "k", "config": "{}", "project": _PROJECT}
# By name of the query, as wandb-core 0.31 asks; whatever else it asks for gets the rest.
_ANSWERS: dict[str, Any] = {
    "RunResumeStatus": {"model": {**_PROJECT, "bucket": None}},
    "UpsertBucket": {"upsertBucket": {"bucket": _RUN, "inserted": True}},
    "CreateRunFiles": {"createRunFiles": {"runID": "r", "uploadHeaders": [], "files": []}},
    "ServerFeaturesQuery": {"serverInfo": {"features": []}},
}


class Server(http.server.ThreadingHTTPServer):
    """Listens on the loopback, and counts what it was sent of runs."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.received = 0  # bytes of runs' files and metrics

    @property
    def environment(self) -> dict[str, str | None]:
        """What a training needs to come here."""
        address = f"http://127.0.0.1:{self.server_port}"
        return {"WANDB_MODE": None, "WANDB_API_KEY": "0" * 40, "WANDB_BASE_URL": address}

    def die(self) -> None:
        """Refuse every connection from now on; none outlives its request."""
        self.shutdown()
        self.server_close()


class _Handler(http.server.BaseHTTPRequestHandler):
    server: Server

    def do_POST(self) -> None:
        content = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.headers.get("Content-Encoding") == "gzip":
            content = gzip.decompress(content)
        answer: dict[str, Any] = {}
        if self.path == "/graphql":
            answer = {"data": _ANSWERS.get(json.loads(content).get("operationName"), {})}
        elif self.path.endswith("/file_stream"):
            self.server.received += len(content)
        body = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_PUT = do_POST  # noqa: N815

    def log_message(self, *_: Any) -> None:
        """Not on the tests' standard error."""


@contextmanager
def wandb_server() -> Iterator[Server]:
    """A server for a block, whether or not it dies in it."""
    server = Server()
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.die()
        thread.join()
