#!/usr/bin/env python3
"""Records HTTP/1 between real servers (nginx, Python, Node) and real clients (curl, Python, Node) on this network namespace's
loopback. Run as `unshare -n python3 live.py OUT`. Writes OUT/live.pcap and OUT/saved.jsonl: for each call that curl made its
method, host, target, status, and the SHA-256 of the content as curl saved it (null where there is none)."""
import fcntl, gzip, hashlib, http.client, http.server, json, os, signal, socket, struct, subprocess, sys, threading, time, zlib

OUT = os.path.abspath(sys.argv[1])
HERE = os.path.dirname(os.path.abspath(__file__))
NODE, PY, NGINX = 18080, 18081, 18082
for name in list(os.environ):
    if name.lower().endswith("_proxy"):
        del os.environ[name]

# the loopback of a new namespace is down
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
    fcntl.ioctl(s, 0x8914, struct.pack("16sh14x", b"lo", 0x49))  # SIOCSIFFLAGS: up, loopback, running
    fcntl.ioctl(s, 0x8922, struct.pack("16si12x", b"lo", 1500))  # SIOCSIFMTU

www = f"{OUT}/www"
os.makedirs(www)
os.chmod(OUT, 0o755)
rows = [{"id": i, "name": f"item {i}", "note": "é中文" * (i % 5)} for i in range(400)]
with open(f"{www}/text.txt", "w") as f:
    f.write("".join(json.dumps(r, ensure_ascii=False) + "\n" for r in rows))
with open(f"{www}/big.bin", "wb") as f:
    f.write(b"".join(hashlib.sha256(b"%d" % i).digest() for i in range(12000)))
with open(f"{OUT}/z.zst", "wb") as f:  # one raw block in a zstd frame (RFC 8878)
    b = json.dumps(rows[:3]).encode()[:200]
    f.write(b"\x28\xb5\x2f\xfd" + bytes([0x20, len(b)]) + (len(b) << 3 | 1).to_bytes(3, "little") + b)
with open(f"{OUT}/nginx.conf", "w") as f:
    f.write(f"""daemon off; worker_processes 1; pid {OUT}/nginx.pid; error_log {OUT}/err.log;
events {{ worker_connections 256; }}
http {{ access_log off; types {{ text/plain txt; }} gzip on; gzip_min_length 100; gzip_types text/plain; etag on; client_max_body_size 8m;
  client_body_temp_path {OUT}/b; proxy_temp_path {OUT}/p; fastcgi_temp_path {OUT}/f; uwsgi_temp_path {OUT}/u; scgi_temp_path {OUT}/s;
  server {{ listen 127.0.0.1:{NGINX}; root {www};
    location /none {{ return 204; }} location /moved {{ return 302 /text.txt; }}
    location /behind/ {{ proxy_pass http://127.0.0.1:{PY}/; proxy_http_version 1.1; proxy_set_header Connection ""; }} }} }}
""")


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def answer(self, status, body, **headers):
        self.send_response(status)
        for k, v in headers.items():
            self.send_header(k.replace("_", "-"), v)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def do_GET(self):
        path = self.path.split("?")[0]
        body = json.dumps(rows[: 5 + len(self.path) % 40], ensure_ascii=False).encode()
        if path == "/gzip":
            self.answer(200, gzip.compress(body), Content_Type="application/json", Content_Encoding="gzip")
        elif path == "/deflate":
            self.answer(200, zlib.compress(body), Content_Type="application/json", Content_Encoding="deflate")
        elif path == "/chunked":
            self.send_response(200)
            self.send_header("Transfer-Encoding", "chunked")
            self.send_header("Trailer", "X-Sum")
            self.end_headers()
            for i in range(0, len(body), 97):
                piece = body[i : i + 97]
                self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
            self.wfile.write(b"0\r\nX-Sum: 1\r\n\r\n")
        elif path == "/close":
            self.protocol_version = "HTTP/1.0"
            self.send_response(200)
            self.send_header("Connection", "close")
            self.end_headers()
            self.wfile.write(body)
            self.close_connection = True
            self.protocol_version = "HTTP/1.1"
        else:
            self.answer(404 if path == "/missing" else 200, body, Content_Type="application/json")

    do_HEAD = do_GET

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.answer(201, body[::-1], Content_Type="application/octet-stream")

    do_PUT = do_POST


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64


started = []


def start(*args):
    started.append(subprocess.Popen(args, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))
    return started[-1]


def wait_for(port):
    for _ in range(100):
        try:
            return socket.create_connection(("127.0.0.1", port)).close()
        except OSError:
            time.sleep(0.05)
    sys.exit(f"live.py: nothing listens on {port}")


saved = []
counter = 0


def unique(path):
    global counter
    counter += 1
    return f"{path}?n={counter}"


def curl(calls, *options):
    """Calls of one curl process, so of few connections. A call: method, port, path, options."""
    args, note = ["curl", "-sS"], []
    for n, (method, port, path, more) in enumerate(calls):
        target = unique(path)
        out = f"{OUT}/o{n}"
        if os.path.exists(out):
            os.remove(out)
        how = ["-I"] if method == "HEAD" else ["-X", method]
        args += (["--next"] if n else []) + ["--compressed", *how, "-o", out, "-w", "%{http_code}\\n", *options, *more, f"http://127.0.0.1:{port}{target}"]
        note.append((method, f"127.0.0.1:{port}", target, out))
    status = subprocess.run(args, capture_output=True, text=True, timeout=30).stdout.split()
    for (method, host, target, out), code in zip(note, status):
        content = open(out, "rb").read() if method != "HEAD" and os.path.exists(out) else b""
        saved.append({"method": method, "host": host, "target": target, "status": int(code), "sha256": hashlib.sha256(content).hexdigest() if content else None})


def python_client():
    for port in (NODE, PY, NGINX):
        c = http.client.HTTPConnection("127.0.0.1", port)
        for i in range(25):
            method, path, body = [("GET", "/text.txt", None), ("HEAD", "/plain", None), ("GET", "/chunked", None), ("POST", "/echo", b"a=1&b=%d" % i), ("GET", "/missing", None)][i % 5]
            c.request(method, f"{path}?py={port}.{i}", body, {"X-From": "python"} | ({"Accept-Encoding": "gzip"} if i % 2 else {}))
            c.getresponse().read()
        c.close()


def pipelined():
    for port in (NODE, PY, NGINX):
        s = socket.create_connection(("127.0.0.1", port))
        wanted = "".join(f"{m} {p}?pipe={port}.{i} HTTP/1.1\r\nHost: pipe\r\n{'Connection: close' if i == 11 else 'X: y'}\r\n\r\n" for i, (m, p) in enumerate([("GET", "/text.txt"), ("HEAD", "/text.txt"), ("GET", "/missing")] * 4))
        s.sendall(wanted.encode())
        s.settimeout(10)
        while s.recv(65536):
            pass
        s.close()


NODE_CLIENT = """
const http = require('http'); const agent = new http.Agent({ keepAlive: true, maxSockets: 4 }); let left = 0;
for (const port of [18080, 18081, 18082]) for (let i = 0; i < 30; i++) {
  left++;
  const post = i % 6 === 5;
  const req = http.request({ port, host: '127.0.0.1', agent, method: post ? 'POST' : 'GET', path: `${['/text.txt', '/chunked', '/plain', '/gzip', '/none', '/echo'][i % 6]}?node=${port}.${i}`,
    headers: post ? { 'content-length': 5 } : {} }, (res) => { res.resume(); res.on('end', () => { if (!--left) agent.destroy(); }); });
  req.on('error', () => { if (!--left) agent.destroy(); }); req.end(post ? 'hello' : undefined);
}
"""

try:
    threading.Thread(target=Server(("127.0.0.1", PY), Handler).serve_forever, daemon=True).start()
    start("node", f"{HERE}/http1_server.mjs", str(NODE), f"{OUT}/z.zst")
    start("nginx", "-c", f"{OUT}/nginx.conf", "-e", f"{OUT}/err.log")
    for port in (NODE, PY, NGINX):
        wait_for(port)
    dump = subprocess.Popen(["tcpdump", "-i", "lo", "-U", "-s", "0", "-B", "32768", "-Z", "root", "-w", f"{OUT}/live.pcap", "tcp"], stderr=subprocess.PIPE, text=True)
    while "listening on" not in dump.stderr.readline():
        if dump.poll() is not None:
            sys.exit("live.py: tcpdump does not start")

    upload = ["--data-binary", f"@{www}/text.txt"]
    for _ in range(6):
        curl([("GET", NODE, p, []) for p in ("/plain", "/gzip", "/br", "/deflate", "/zstd", "/chunked", "/none", "/missing", "/rawdeflate")] + [("HEAD", NODE, "/plain", []), ("POST", NODE, "/echo", upload)])
        curl([("GET", PY, p, []) for p in ("/plain", "/gzip", "/deflate", "/chunked", "/missing", "/close", "/plain")] + [("HEAD", PY, "/gzip", []), ("POST", PY, "/echo", upload), ("PUT", PY, "/put", ["--data-binary", "small"])])
        curl([("GET", NGINX, p, []) for p in ("/text.txt", "/big.bin", "/none", "/moved", "/missing", "/behind/gzip", "/behind/chunked")] + [("HEAD", NGINX, "/text.txt", []), ("GET", NGINX, "/text.txt", ["-H", "Range: bytes=100-199"])])
    curl([("GET", NGINX, "/text.txt", ["-H", "If-Modified-Since: Fri, 01 Jan 2100 00:00:00 GMT"])] * 3)
    curl([("GET", NGINX, "/text.txt", [])] * 3, "--http1.0")
    curl([("POST", NODE, "/echo", ["-H", "Expect: 100-continue", *upload]), ("POST", NODE, "/echo", ["-H", "Transfer-Encoding: chunked", *upload])] * 3)
    clients = [threading.Thread(target=python_client), threading.Thread(target=pipelined)]
    for t in clients:
        t.start()
    subprocess.run(["node", "-e", NODE_CLIENT], timeout=30, check=True)
    for t in clients:
        t.join()
    # through a tunnel: not compared with curl, the far side is captured too
    for n in range(3):
        subprocess.run(["curl", "-sS", "-p", "-x", f"http://127.0.0.1:{NODE}", "-o", f"{OUT}/o", f"http://127.0.0.1:{PY}/plain?tunnel={n}"], timeout=20, check=True)
    time.sleep(1)
    dump.send_signal(signal.SIGINT)
    said = dump.communicate(timeout=20)[1]
    if "\n0 packets dropped by kernel" not in "\n" + said:
        sys.exit("live.py: " + said)
finally:
    for p in started:
        p.terminate()
with open(f"{OUT}/saved.jsonl", "w") as f:
    for row in saved:
        f.write(json.dumps(row) + "\n")
