#!/usr/bin/env python3
"""Records WebSockets over HTTP/2 (RFC 8441) between real programs on this network namespace's loopback: hypercorn and Node serve, Python
(`h2` and `wsproto`) and Node (`ws` on a stream) ask, several sockets and plain requests on one connection: of each three sockets one
is plain, one compresses with a window that goes on (permessage-deflate), one begins it anew with each message. Run as `unshare -n PYTHON
ws_h2.py OUT` with `hypercorn` importable and WS_MODULES naming a folder with node_modules/ws. Writes OUT/ws.pcap and OUT/*.log: a
line for each message that an end sent or received, with the path of its socket and its SHA-256."""
import asyncio, fcntl, hashlib, json, os, signal, socket, struct, subprocess, sys

import h2.config, h2.connection, h2.events, h2.settings
from hypercorn.asyncio import serve
from hypercorn.config import Config
from wsproto.connection import Connection, ConnectionType
from wsproto.events import BytesMessage, CloseConnection, Ping, TextMessage
from wsproto.extensions import PerMessageDeflate

OUT = os.path.abspath(sys.argv[1])
HERE = os.path.dirname(os.path.abspath(__file__))
PY, NODE = 19100, 19110
for name in list(os.environ):
    if name.lower().endswith("_proxy"):
        del os.environ[name]
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
    fcntl.ioctl(s, 0x8914, struct.pack("16sh14x", b"lo", 0x49))  # SIOCSIFFLAGS: up, loopback, running
    fcntl.ioctl(s, 0x8922, struct.pack("16si12x", b"lo", 1500))  # SIOCSIFMTU

logs = {end: open(f"{OUT}/py-{end}.log", "w") for end in ("client", "server")}
SIZES = [0, 1, 125, 126, 127, 4000, 20000, 65535, 65536, 90000]


def note(end, dir, path, data):
    raw = data.encode() if isinstance(data, str) else bytes(data)
    logs[end].write(json.dumps({"path": path, "dir": dir, "len": len(raw), "sha256": hashlib.sha256(raw).hexdigest()}) + "\n")


async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        while True:
            kind = (await receive())["type"]
            await send({"type": kind + ".complete"})
            if kind == "lifespan.shutdown":
                return
    if scope["type"] == "http":
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain")]})
        return await send({"type": "http.response.body", "body": b"beside " + scope["path"].encode()})
    path = scope["path"] + "?" + scope["query_string"].decode()
    await receive()
    await send({"type": "websocket.accept"})
    n = 0
    while True:
        m = await receive()
        if m["type"] != "websocket.receive":
            return
        data = m["text"] if m.get("text") is not None else m["bytes"]
        note("server", "SEND", path, data)
        n += 1
        if isinstance(data, str):
            answer = json.dumps({"n": n, "phone": f"1390013{8000 + n}", "seen": len(data)})
            note("server", "RECV", path, answer)
            await send({"type": "websocket.send", "text": answer})
        else:
            note("server", "RECV", path, data[::-1])
            await send({"type": "websocket.send", "bytes": data[::-1]})


class Client:
    """A connection with several sockets."""

    def __init__(self, port):
        self.port, self.sockets = port, {}

    async def run(self, paths):
        self.reader, self.writer = await asyncio.open_connection("127.0.0.1", self.port)
        self.h2 = h2.connection.H2Connection(h2.config.H2Configuration(client_side=True, header_encoding="utf-8"))
        self.h2.initiate_connection()
        await self.flush()
        while not self.h2.remote_settings.enable_connect_protocol:
            await self.step()
        for n, path in enumerate(paths):
            deflate = PerMessageDeflate(client_no_context_takeover=n == 2, server_no_context_takeover=n == 2) if n else None
            head = [(":method", "CONNECT"), (":protocol", "websocket"), (":scheme", "http"), (":path", path), (":authority", f"127.0.0.1:{self.port}"),
                    ("sec-websocket-version", "13"), ("authorization", "Bearer py-h2")]
            if deflate:
                offer = deflate.offer()
                head.append(("sec-websocket-extensions", deflate.name if offer is True else f"{deflate.name}; {offer}"))
            id = self.h2.get_next_available_stream_id()
            self.h2.send_headers(id, head)
            self.sockets[id] = {"path": path, "deflate": deflate, "ws": None, "got": 0, "parts": [], "over": False}
        id = self.h2.get_next_available_stream_id()
        self.h2.send_headers(id, [(":method", "GET"), (":scheme", "http"), (":path", "/plain?of=py"), (":authority", "h")], end_stream=True)
        await self.flush()
        await self.until(lambda: all(s["ws"] for s in self.sockets.values()))
        for n, size in enumerate(SIZES, 1):
            for id, s in self.sockets.items():
                text = json.dumps({"op": "get", "n": n, "pad": "é" * (size // 2)}, ensure_ascii=False)
                note("client", "SEND", s["path"], text)
                half = len(text) // 2
                # wsproto takes a message for plain behind a ping inside it (`PerMessageDeflate.frame_inbound_complete`)
                between = b"" if s["deflate"] else s["ws"].send(Ping(b"between"))
                out = s["ws"].send(TextMessage(data=text[:half], message_finished=False)) + between + s["ws"].send(TextMessage(data=text[half:]))
                data = bytes((i * 17 + n) & 255 for i in range(size))
                note("client", "SEND", s["path"], data)
                await self.send(id, out + s["ws"].send(BytesMessage(data=data)))
            await self.until(lambda: all(s["got"] >= 2 * n for s in self.sockets.values()))
        for id, s in self.sockets.items():
            await self.send(id, s["ws"].send(CloseConnection(code=1000)))
        await self.until(lambda: all(s["over"] for s in self.sockets.values()))
        self.h2.close_connection()
        await self.flush()
        self.writer.close()

    async def send(self, id, data):
        while data:
            n = min(self.h2.local_flow_control_window(id), self.h2.max_outbound_frame_size, len(data))
            if n == 0:
                await self.flush()
                await self.step()
                continue
            self.h2.send_data(id, data[:n])
            data = data[n:]
        await self.flush()

    async def flush(self):
        self.writer.write(self.h2.data_to_send())
        await self.writer.drain()

    async def until(self, done):
        while not done():
            await self.step()

    async def step(self):
        data = await asyncio.wait_for(self.reader.read(65536), 20)
        if not data:
            sys.exit("ws_h2.py: the server closed")
        for e in self.h2.receive_data(data):
            s = self.sockets.get(getattr(e, "stream_id", None))
            if isinstance(e, h2.events.DataReceived):
                self.h2.acknowledge_received_data(e.flow_controlled_length, e.stream_id)
            if s and isinstance(e, h2.events.ResponseReceived):
                head = dict(e.headers)
                assert head[":status"] == "200", head
                taken = head.get("sec-websocket-extensions")
                assert bool(taken) == bool(s["deflate"]), head
                if taken:
                    s["deflate"].finalize(taken)
                s["ws"] = Connection(ConnectionType.CLIENT, [s["deflate"]] if taken else [])
            elif s and isinstance(e, h2.events.DataReceived) and not s["over"]:
                s["ws"].receive_data(e.data)
                for m in s["ws"].events():
                    if isinstance(m, (TextMessage, BytesMessage)):
                        s["parts"].append(m.data)
                        if m.message_finished:
                            whole = s["parts"][0][:0].join(s["parts"])
                            s["parts"] = []
                            note("client", "RECV", s["path"], whole)
                            s["got"] += 1
                    elif isinstance(m, CloseConnection):
                        s["over"] = True
            elif s and isinstance(e, (h2.events.StreamEnded, h2.events.StreamReset)):
                s["over"] = True
        await self.flush()


async def main():
    config = Config()
    config.bind, config.accesslog, config.errorlog = [f"127.0.0.1:{PY}"], None, None
    config.websocket_max_message_size = 8 << 20
    stop = asyncio.Event()
    server = asyncio.create_task(serve(app, config, shutdown_trigger=stop.wait))
    node = subprocess.Popen(["node", f"{HERE}/ws_h2_node.mjs", "server", f"{OUT}/node-server.log", str(NODE)])
    try:
        for port in (PY, NODE):
            for _ in range(200):
                with socket.socket() as s:
                    s.settimeout(0.2)
                    if s.connect_ex(("127.0.0.1", port)) == 0:
                        break
                await asyncio.sleep(0.05)
        dump = subprocess.Popen(["tcpdump", "-i", "lo", "-U", "-s", "0", "-B", "32768", "-Z", "root", "-w", f"{OUT}/ws.pcap", "tcp"], stderr=subprocess.PIPE, text=True)
        while "listening on" not in dump.stderr.readline():
            if dump.poll() is not None:
                sys.exit("ws_h2.py: tcpdump does not start")
        await Client(PY).run([f"/py/hyper?s={i}" for i in range(3)])
        await Client(NODE).run([f"/py/node?s={i}" for i in range(3)])
        child = await asyncio.create_subprocess_exec("node", f"{HERE}/ws_h2_node.mjs", "client", f"{OUT}/node-client.log", str(PY), str(NODE))
        if await asyncio.wait_for(child.wait(), 60):
            sys.exit("ws_h2.py: the Node client failed")
        await asyncio.sleep(1)
        dump.send_signal(signal.SIGINT)
        said = dump.communicate(timeout=20)[1]
        if "\n0 packets dropped by kernel" not in "\n" + said:
            sys.exit("ws_h2.py: " + said)
    finally:
        node.terminate()
        stop.set()
        await asyncio.wait_for(server, 20)
    for f in logs.values():
        f.close()


asyncio.run(main())
