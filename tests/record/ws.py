#!/usr/bin/env python3
"""Records WebSockets between real programs (Python `websockets`, Node `ws`, nginx between them) on this network namespace's
loopback. Run as `unshare -n PYTHON ws.py OUT` with `websockets` importable and WS_MODULES naming a folder with node_modules/ws.
Writes OUT/ws.pcap and OUT/*.log: a line for each message that an end sent or received, with its SHA-256."""
import asyncio, fcntl, hashlib, json, os, signal, socket, struct, subprocess, sys, time

from websockets.asyncio.client import connect
from websockets.asyncio.server import serve
from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory, ServerPerMessageDeflateFactory

OUT = os.path.abspath(sys.argv[1])
HERE = os.path.dirname(os.path.abspath(__file__))
PY, NODE, NGINX = 19000, 19010, 19020
HOW = ["plain", "deflate", "fresh"]
for name in list(os.environ):
    if name.lower().endswith("_proxy"):
        del os.environ[name]
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
    fcntl.ioctl(s, 0x8914, struct.pack("16sh14x", b"lo", 0x49))  # SIOCSIFFLAGS: up, loopback, running
    fcntl.ioctl(s, 0x8922, struct.pack("16si12x", b"lo", 1500))  # SIOCSIFMTU

logs = {end: open(f"{OUT}/py-{end}.log", "w") for end in ("client", "server")}


def note(end, dir, ws, data):
    binary = not isinstance(data, str)
    raw = data if binary else data.encode()
    near, far = ws.local_address[1], ws.remote_address[1]
    client, server = (near, far) if end == "client" else (far, near)
    logs[end].write(json.dumps({"end": end, "client": client, "server": server, "dir": dir, "binary": binary, "len": len(raw), "sha256": hashlib.sha256(raw).hexdigest()}) + "\n")


async def send(end, dir, ws, data, pieces):
    note(end, dir, ws, data)
    if pieces == 1 or not data:
        return await ws.send(data)
    size = -(-len(data) // pieces)

    async def parts():
        for at in range(0, len(data), size):
            yield data[at : at + size]
            await ws.ping()

    await ws.send(parts())


async def handler(ws):
    n = 0
    async for data in ws:
        note("server", "SEND", ws, data)
        n += 1
        answer = json.dumps({"n": n, "rows": [{"id": n, "phone": f"1390013{8000 + n}", "name": "王伟", "seen": len(data)}]}, ensure_ascii=False) if isinstance(data, str) else data[::-1]
        await send("server", "RECV", ws, answer, 1 + n % 3)


async def client(port, path, extensions, compression):
    uri = f"ws://127.0.0.1:{port}/{path}"
    async with connect(uri, compression=compression, extensions=extensions, additional_headers={"Authorization": f"Bearer py-token-{port}"}, user_agent_header="py-ws", max_size=8 << 20) as ws:
        sizes = [0, 1, 125, 126, 127, 4000, 65535, 65536, 200000]

        async def listen():
            for _ in range(2 * len(sizes)):
                note("client", "RECV", ws, await ws.recv())

        task = asyncio.create_task(listen())
        for n, size in enumerate(sizes, 1):
            await send("client", "SEND", ws, json.dumps({"op": "get", "n": n, "pad": "é" * (size // 2)}, ensure_ascii=False), 1 + n % 4)
            await send("client", "SEND", ws, bytes((i * 17 + n) & 255 for i in range(size)), 1 + (n + 1) % 3)
        await task


async def main():
    extensions = {
        "plain": None,
        "deflate": [ServerPerMessageDeflateFactory(server_max_window_bits=12, client_max_window_bits=12)],
        "fresh": [ServerPerMessageDeflateFactory(server_no_context_takeover=True, client_no_context_takeover=True)],
    }
    servers = [await serve(handler, "127.0.0.1", PY + i, compression=None, extensions=extensions[how], max_size=8 << 20) for i, how in enumerate(HOW)]
    started = [subprocess.Popen(["node", f"{HERE}/ws_node.mjs", "server", f"{OUT}/node-server.log", *[f"{NODE + i}:{how}" for i, how in enumerate(HOW)]])]
    with open(f"{OUT}/nginx.conf", "w") as f:
        sites = "".join(f"server {{ listen 127.0.0.1:{NGINX + i}; location / {{ proxy_pass http://127.0.0.1:{to}; proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection upgrade; }} }}\n" for i, to in enumerate([PY, PY + 1, NODE + 1, NODE + 2]))
        temp = " ".join(f"{k}_temp_path {OUT}/t-{k};" for k in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        f.write(f"daemon off; worker_processes 1; pid {OUT}/nginx.pid; error_log {OUT}/err.log; events {{ }} http {{ access_log off; {temp} {sites} }}\n")
    started.append(subprocess.Popen(["nginx", "-c", f"{OUT}/nginx.conf", "-e", f"{OUT}/err.log"]))
    try:
        for port in [NODE + 2, NGINX + 3]:
            for _ in range(200):
                with socket.socket() as s:
                    if s.connect_ex(("127.0.0.1", port)) == 0:
                        break
                await asyncio.sleep(0.05)
        dump = subprocess.Popen(["tcpdump", "-i", "lo", "-U", "-s", "0", "-B", "32768", "-Z", "root", "-w", f"{OUT}/ws.pcap", "tcp"], stderr=subprocess.PIPE, text=True)
        while "listening on" not in dump.stderr.readline():
            if dump.poll() is not None:
                sys.exit("ws.py: tcpdump does not start")
        deflate = [ClientPerMessageDeflateFactory(client_max_window_bits=True)]
        for port in (PY, NODE, NGINX):
            for i in range(4 if port == NGINX else 3):
                await client(port + i, f"py/live?u={i}", None, None)
                await client(port + i, f"py/live?u={i}", deflate, None)
        node = ["node", f"{HERE}/ws_node.mjs", "client", f"{OUT}/node-client.log"]
        node += [f"{port + i}:{how}" for port in (PY, NODE, NGINX) for i, how in enumerate(HOW)]
        child = await asyncio.create_subprocess_exec(*node)
        if await asyncio.wait_for(child.wait(), 60):
            sys.exit("ws.py: the Node client failed")
        await asyncio.sleep(1)
        dump.send_signal(signal.SIGINT)
        said = dump.communicate(timeout=20)[1]
        if "\n0 packets dropped by kernel" not in "\n" + said:
            sys.exit("ws.py: " + said)
    finally:
        for p in started:
            p.terminate()
        for s in servers:
            s.close()
    for f in logs.values():
        f.close()


asyncio.run(main())
