#!/usr/bin/env python3
"""Records real programs over a link that loses, doubles and reorders packets and whose packets become smaller half way. Clients here, servers in
a namespace of their own, between them one in which this script passes frames on (no module of the kernel is needed); captured
where the servers are. aiohttp, hypercorn and Node serve; requests, aiohttp and undici (pipelined) ask, each call with
a target of its own. Run as `unshare -n PYTHON lossy.py OUT` with aiohttp, hypercorn and requests importable and
LOSSY_MODULES naming a folder of Node modules with undici. Writes OUT/lossy.pcap and OUT/saved.jsonl: method, host, target, status and
SHA-256 of the content as the client got it."""
import asyncio, ctypes, fcntl, hashlib, heapq, itertools, json, os, random, select, signal, socket, struct, subprocess, sys, time

HERE = os.path.dirname(os.path.abspath(__file__))
SERVER, AIOHTTP, HYPER, NODE = "10.9.0.2", 8201, 8202, 8203
SEED = int(os.environ.get("LEAKTRACE_SEED", "9"))


def link():
    """Passes frames between m0 and m1."""
    r = random.Random(SEED)
    ends = []
    for name in ("m0", "m1"):
        s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
        s.bind((name, 0))
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)
        ends.append(s)
    waiting, order, last = [], itertools.count(), {s: 0 for s in ends}
    while True:
        now = time.monotonic()
        while waiting and waiting[0][0] <= now:
            _, _, to, frame = heapq.heappop(waiting)
            try:
                to.send(frame)
            except OSError:
                pass  # larger than the link is now: lost
        pause = max(0, waiting[0][0] - now) if waiting else 0.5
        for s in select.select(ends, [], [], pause)[0]:
            frame, about = s.recvfrom(70000)
            if about[2] == socket.PACKET_OUTGOING:
                continue
            to, chance, ip = ends[s is ends[0]], r.random(), frame[12:14] == b"\x08\x00"
            if ip and chance < 0.012:
                continue
            at = time.monotonic() + 0.002
            if ip and 0.02 < chance < 0.05:
                at += r.random() * 0.006  # overtaken by later ones
            else:
                at = last[to] = max(at, last[to])
            heapq.heappush(waiting, (at, next(order), to, frame))
            if ip and 0.06 < chance < 0.07:
                heapq.heappush(waiting, (at + r.random() * 0.003, next(order), to, frame))


def plain(name):
    """Frames leave with their sums, as large as the link is."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        for command in (0x1F, 0x24, 0x2C, 0x17):  # TSO, GSO, GRO, sums
            value = ctypes.create_string_buffer(struct.pack("II", command, 0))
            fcntl.ioctl(s, 0x8946, struct.pack("16sP8x", name.encode(), ctypes.addressof(value)))


def content(path, query, sent):
    if sent:
        return hashlib.sha256(sent).hexdigest().encode() + sent[:5000]
    n = int(dict(p.split("=", 1) for p in query.split("&")).get("n", "100"))
    return (hashlib.sha256((path + query).encode()).hexdigest() * (n // 64 + 1))[:n].encode()


async def serve():
    from aiohttp import web
    from hypercorn.asyncio import serve as hyper
    from hypercorn.config import Config

    async def answer(r):
        s = web.StreamResponse()
        s.enable_compression()
        await s.prepare(r)
        body = content(r.path, r.query_string, await r.read())
        for at in range(0, len(body), 777):
            await s.write(body[at:at + 777])
        await s.write_eof()
        return s

    async def app(scope, receive, send):
        if scope["type"] == "lifespan":
            while True:
                kind = (await receive())["type"]
                await send({"type": kind + ".complete"})
                if kind == "lifespan.shutdown":
                    return
        sent, more = b"", True
        while more:
            m = await receive()
            sent, more = sent + m.get("body", b""), m.get("more_body", False)
        body = content(scope["path"], scope["query_string"].decode(), sent)
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for at in range(0, len(body), 5000):
            await send({"type": "http.response.body", "body": body[at:at + 5000], "more_body": True})
        await send({"type": "http.response.body"})

    all_paths = web.Application(client_max_size=1 << 26)
    all_paths.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(all_paths)
    await runner.setup()
    await web.TCPSite(runner, "0.0.0.0", AIOHTTP).start()
    config = Config()
    config.bind, config.accesslog, config.errorlog = [f"0.0.0.0:{HYPER}"], None, None
    await hyper(app, config, shutdown_trigger=asyncio.Event().wait)


async def ask(turn, note):
    import aiohttp, requests

    def in_order(port):
        with requests.Session() as s:
            for i in range(8):
                target = f"/a?n={i * 9000 + 1}&u={turn}r{port}.{i}"
                r = s.get(f"http://{SERVER}:{port}{target}", timeout=60)
                note("GET", port, target, r.status_code, r.content)
                target = f"/p?u={turn}r{port}.{i}"
                sent = b"y" * (i * 15000 + 1) if i % 2 else (b"piece %d, " % j * j for j in range(1, 60))
                r = s.post(f"http://{SERVER}:{port}{target}", data=sent, timeout=60)
                note("POST", port, target, r.status_code, r.content)

    async def beside():
        async with aiohttp.ClientSession() as s:
            async def one(port, i):
                target = f"/b?n={12345 + i}&u={turn}a{port}.{i}"
                async with s.get(f"http://{SERVER}:{port}{target}") as r:
                    note("GET", port, target, r.status, await r.read())
            await asyncio.gather(*[one(p, i) for p in (AIOHTTP, HYPER, NODE) for i in range(6)])

    async def pipelined():
        child = await asyncio.create_subprocess_exec("node", f"{HERE}/lossy_node.mjs", "ask", turn, SERVER, str(NODE), str(AIOHTTP), stdout=subprocess.PIPE)
        out, _ = await child.communicate()
        if child.returncode:
            sys.exit("lossy.py: the Node client failed")
        for line in out.decode().splitlines():
            c = json.loads(line)
            note("GET", c["port"], c["target"], c["status"], c["sha256"])

    await asyncio.gather(*[asyncio.to_thread(in_order, p) for p in (AIOHTTP, HYPER, NODE)], beside(), pipelined())


def main(out):
    for name in list(os.environ):
        if name.lower().endswith("_proxy"):
            del os.environ[name]
    started = []

    def start(space, *command, **more):
        p = subprocess.Popen([*space, *command], **more)
        started.append(p)
        return p

    def run(*command):
        subprocess.run(command, check=True)

    def space():
        p = start([], "unshare", "-n", "sleep", "600")
        mine = os.readlink("/proc/self/ns/net")
        while os.readlink(f"/proc/{p.pid}/ns/net") == mine:
            time.sleep(0.01)
        return p.pid, ["nsenter", "-t", str(p.pid), "-n"]

    try:
        (mid, between), (far, there) = space(), space()
        run("ip", "link", "add", "v0", "type", "veth", "peer", "name", "m0", "netns", str(mid))
        run(*there, "ip", "link", "add", "v1", "type", "veth", "peer", "name", "m1", "netns", str(mid))
        for where, name, address in (([], "v0", "10.9.0.1/24"), (there, "v1", SERVER + "/24")):
            run(*where, "ip", "addr", "add", address, "dev", name)
            run(*where, "ip", "link", "set", name, "up")
            run(*where, sys.executable, __file__, "plain", name)
        for name in ("m0", "m1"):
            run(*between, "ip", "link", "set", name, "up")
        start(between, sys.executable, __file__, "link")
        start(there, sys.executable, __file__, "serve")
        start(there, "node", f"{HERE}/lossy_node.mjs", "serve", str(NODE))
        for port in (AIOHTTP, HYPER, NODE):
            for _ in range(200):
                with socket.socket() as s:
                    s.settimeout(3)
                    if s.connect_ex((SERVER, port)) == 0:
                        break
                time.sleep(0.1)
            else:
                sys.exit(f"lossy.py: nobody listens on {port}")
        dump = start(there, "tcpdump", "-i", "v1", "-U", "-s", "0", "-B", "32768", "-Z", "root", "-w", f"{out}/lossy.pcap", "tcp", stderr=subprocess.PIPE, text=True)
        while "listening on" not in dump.stderr.readline():
            if dump.poll() is not None:
                sys.exit("lossy.py: tcpdump does not start")
        with open(f"{out}/saved.jsonl", "w") as saved:
            def note(method, port, target, status, got):
                sha = got if isinstance(got, str) or got is None else hashlib.sha256(got).hexdigest() if got else None
                saved.write(json.dumps({"method": method, "host": f"{SERVER}:{port}", "target": target, "status": status, "sha256": sha}) + "\n")

            asyncio.run(ask("wide", note))
            # between connections: one that is open may be left with packets that are too large
            run("ip", "link", "set", "v0", "mtu", "576")
            run(*there, "ip", "link", "set", "v1", "mtu", "576")
            asyncio.run(ask("narrow", note))
        time.sleep(1)
        dump.send_signal(signal.SIGINT)
        said = dump.communicate(timeout=20)[1]
        if "\n0 packets dropped by kernel" not in "\n" + said:
            sys.exit("lossy.py: " + said)
    finally:
        for p in started:
            p.kill()


what = sys.argv[1]
if what == "link":
    link()
elif what == "plain":
    plain(sys.argv[2])
elif what == "serve":
    asyncio.run(serve())
else:
    main(os.path.abspath(what))
