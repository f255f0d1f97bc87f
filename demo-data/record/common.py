"""What the Python services share: JSON over http.server, calls to the next service, and the truth file.

Every service and client appends what it sends and receives to its own file under $TRUTH as it happens; the recorder
joins them. A row: who wrote it, when, the call as that program saw it, the account it acted for, the customers sent."""
import http.client
import json
import os
import threading
import time
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

PEOPLE = {p["id"]: p for p in json.load(open(os.environ["PEOPLE"]))}
_lock = threading.Lock()


def truth(who, **row):
    with _lock, open(f"{os.environ['TRUTH']}/{who}.jsonl", "a") as f:
        f.write(json.dumps({"who": who, "ts": time.time_ns(), **row}, ensure_ascii=False) + "\n")


class Service(BaseHTTPRequestHandler):
    """One service: `routes` maps (method, first path segments) to a function(handler, parts, query, body)."""

    protocol_version = "HTTP/1.1"
    name = "service"
    routes = {}

    def log_message(self, *_):
        pass

    def reply(self, status, payload, customers=(), kind="application/json", headers=()):
        body = payload if isinstance(payload, bytes) else json.dumps(payload, ensure_ascii=False).encode()
        truth(self.name, side="server", method=self.command, host=self.headers.get("Host"), uri=self.path, status=status,
              peer=list(self.client_address), user=self.headers.get("X-Forwarded-User"), resp_len=len(body), customers=list(customers))
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        for k, v in headers:
            self.send_header(k, v)
        self.end_headers()
        self.wfile.write(body)

    def handle_any(self):
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length) if length else b""
        url = urllib.parse.urlsplit(self.path)
        query = dict(urllib.parse.parse_qsl(url.query))
        parts = [urllib.parse.unquote(p) for p in url.path.strip("/").split("/")]
        for (method, prefix), function in self.routes.items():
            if self.command == method and parts[: len(prefix)] == prefix.split("/")[: len(parts)] or (
                self.command == method and url.path.strip("/").startswith(prefix)
            ):
                return function(self, parts, query, body)
        self.reply(404, {"error": "no such thing"})

    do_GET = do_POST = do_PUT = handle_any


_pool = threading.local()


def call(source, target, method, path, body=None, headers=None):
    """A call from address `source` to `target` (host, port) on a kept connection; returns (status, parsed JSON or bytes)."""
    pool = _pool.__dict__.setdefault("connections", {})
    for attempt in (0, 1):
        if (c := pool.get(target)) is None:
            c = pool[target] = http.client.HTTPConnection(*target, source_address=(source, 0), timeout=20)
        try:
            c.request(method, path, body, headers or {})
            r = c.getresponse()
            data = r.read()
            return r.status, json.loads(data) if "json" in (r.getheader("Content-Type") or "") else data
        except (http.client.HTTPException, ConnectionError):
            c.close()
            pool.pop(target)
            if attempt:
                raise


def forwarded(handler):
    """Headers that go inwards with every call."""
    names = ("X-Request-Id", "X-Forwarded-User", "X-Forwarded-For")
    return {n: handler.headers[n] for n in names if handler.headers.get(n)}


def serve(cls, address, port):
    ThreadingHTTPServer.request_queue_size = 64
    server = ThreadingHTTPServer((address, port), cls)
    server.daemon_threads = True
    server.serve_forever()
