#!/usr/bin/env python3
"""Records HTTP/2 between real programs (nghttpd, nghttpx, nginx, Node and gRPC serve; nghttp, h2load, curl, Node and gRPC ask) on
this network namespace's loopback, in clear text and, from nginx, over TLS 1.2 and 1.3. Run as `unshare -n python3 http2.py OUT
[PYTHON]`; PYTHON can import grpc, without it there is no gRPC. Writes OUT/http2.pcap, OUT/keys.log (the secrets of TLS) and
OUT/saved.jsonl: a line for each call with its server's port, method, path, status and the SHA-256 of what was sent and of what the
client got (null where that is nothing). Ends with 75 where the kernel dropped packets, so that the recording is not whole."""
import fcntl, hashlib, json, os, re, signal, socket, struct, subprocess, sys, threading, time

OUT = os.path.abspath(sys.argv[1])
GRPC_PYTHON = sys.argv[2] if len(sys.argv) > 2 else None
HERE = os.path.dirname(os.path.abspath(__file__))
NGHTTPD, PADDED, NGINX, NODE, GRPC, NGHTTPX, BACKEND, TLS12, TLS13 = range(18090, 18099)
DROPPED = 75
for name in list(os.environ):
    if name.lower().endswith("_proxy"):
        del os.environ[name]
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
    fcntl.ioctl(s, 0x8914, struct.pack("16sh14x", b"lo", 0x49))  # SIOCSIFFLAGS: up, loopback, running
    fcntl.ioctl(s, 0x8922, struct.pack("16si12x", b"lo", 1500))  # SIOCSIFMTU

www = f"{OUT}/www"
os.makedirs(www)
os.chmod(OUT, 0o755)
files = {
    "text.txt": "".join(json.dumps({"id": i, "name": f"item {i}", "note": "é中文" * (i % 5)}, ensure_ascii=False) + "\n" for i in range(120)).encode(),
    "big.bin": b"".join(hashlib.sha256(b"%d" % i).digest() for i in range(6000)),
    "s.txt": b"small and the same\n" * 8,
    "empty.txt": b"",
    "p1.css": b"a { color: red }\n" * 70,
    "p2.js": b"let a = 1;\n" * 900,
}
for name, b in files.items():
    with open(f"{www}/{name}", "wb") as f:
        f.write(b)
subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", f"{OUT}/key.pem", "-out", f"{OUT}/cert.pem",
                "-subj", "/CN=h2.example.org", "-days", "3650"], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
with open(f"{OUT}/nginx.conf", "w") as f:
    places = f"root {www}; location /none {{ return 204; }} location /moved {{ return 302 /text.txt; }}"
    tls = "".join(f"""  server {{ listen 127.0.0.1:{port} ssl http2; {places} ssl_certificate {OUT}/cert.pem; ssl_certificate_key {OUT}/key.pem; ssl_protocols {version}; }}
""" for port, version in ((TLS12, "TLSv1.2"), (TLS13, "TLSv1.3")))
    temp = " ".join(f"{k}_temp_path {OUT}/t-{k};" for k in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    f.write(f"""daemon off; worker_processes 1; pid {OUT}/nginx.pid; error_log {OUT}/err.log; events {{ worker_connections 256; }}
http {{ access_log off; types {{ text/plain txt; }} gzip on; gzip_min_length 100; gzip_types text/plain; {temp} keepalive_requests 100000;
  server {{ listen 127.0.0.1:{NGINX} http2; {places} }}
{tls}}}
""")

started, saved, counter = [], [], 0


def start(*args):
    started.append(subprocess.Popen(args, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))


def wait_for(port):
    for _ in range(1200):
        try:
            return socket.create_connection(("127.0.0.1", port)).close()
        except OSError:
            time.sleep(0.05)
    sys.exit(f"http2.py: nothing listens on {port}")


def sha(b):
    return hashlib.sha256(b).hexdigest() if b else None


def note(port, method, path, status, sent, got, **more):
    saved.append({"port": port, "method": method, "path": path, "status": status, "sent": sha(sent), "got": sha(got), **more})
    if port == NGHTTPX:  # and what it asks of the server behind it
        note(BACKEND, method, path, status, sent, got)


def run(*args, **more):
    done = subprocess.run(args, capture_output=True, timeout=30, **more)
    if done.returncode:
        sys.exit(f"http2.py: {args}: {done.stderr.decode(errors='replace')}")
    return done.stdout


def unique(path):
    global counter
    counter += 1
    return f"{path}?n={counter}"


def curl(calls, how="--http2-prior-knowledge"):
    """Calls of one curl process each, since some versions of curl break a connection of prior knowledge that they use again. A call:
    method, port, path, options, what is sent."""
    if len(calls) > 1:
        for call in calls:
            curl([call], how)
        return
    args, notes = ["curl", "-sS"], {}
    for n, (method, port, path, more, sent) in enumerate(calls):
        path, out = unique(path), f"{OUT}/o{n}"
        if os.path.exists(out):
            os.remove(out)
        kind = ["-I"] if method == "HEAD" else ["-X", method]
        args += (["--next"] if n else []) + [how, *kind, "-o", out, "-w", "%{url} %{http_code}\\n", *more, f"http://127.0.0.1:{port}{path}"]
        notes[f"http://127.0.0.1:{port}{path}"] = (port, method, path, sent, out)
    lines = run(*args).decode().split()
    for url, code in zip(lines[::2], lines[1::2]):
        port, method, path, sent, out = notes.pop(url)
        got = open(out, "rb").read() if method != "HEAD" and os.path.exists(out) else b""
        note(port, method, path, int(code), sent, got)
    if notes:
        sys.exit(f"http2.py: curl said nothing of {list(notes)}")


def curl_tls(port, paths):
    """Calls of one curl process on one connection over TLS."""
    args, outs = ["curl", "-sS", "-k", "--http2", "-w", "%{http_version} %{http_code}\\n"], []
    paths = [unique(p) for p in paths]
    for n, path in enumerate(paths):
        outs.append(f"{OUT}/t{n}")
        args += ["-o", outs[-1], f"https://127.0.0.1:{port}{path}"]
    lines = run(*args, env=dict(os.environ, SSLKEYLOGFILE=f"{OUT}/keys.log")).decode().splitlines()
    for path, out, line in zip(paths, outs, lines, strict=True):
        version, code = line.split()
        got = open(out, "rb").read() if os.path.exists(out) else b""
        if version != "2" or code == "200" and got != files[path.split("?")[0][1:]]:
            sys.exit(f"http2.py: curl over TLS: {path} {line}")
        note(port, "GET", path, int(code), b"", got)
        if os.path.exists(out):
            os.remove(out)


def nghttp(port, paths, *options, method="GET", sent=b"", pushed=()):
    """Calls of one nghttp process."""
    paths = [unique(p) for p in paths]
    got = run("nghttp", "--no-verify-peer", *options, *[f"http://127.0.0.1:{port}{p}" for p in paths])
    bodies = [sent if sent else files[p.split("?")[0][1:]] for p in paths]
    for path, body in zip(paths, bodies):
        note(port, method, path, 200, sent, body)
    for path in pushed:
        note(port, "GET", path, 200, b"", files[path[1:]], pushed=True)
    all = sum(map(len, bodies)) + sum(len(files[p[1:]]) for p in pushed)
    if len(got) != all or len(bodies) == 1 and not pushed and got != bodies[0]:
        sys.exit(f"http2.py: nghttp got {len(got)} bytes, not {all}, of {paths}")


def h2load(port, n, names, *options):
    said = run("h2load", "-n", str(n), *options, *[f"http://127.0.0.1:{port}/{name}" for name in names]).decode()
    if f"{n} succeeded, 0 failed" not in said:
        sys.exit(f"http2.py: h2load: {said}")
    for i in range(n):
        note(port, "GET", "/" + names[i % len(names)], 200, b"", files[names[i % len(names)]])


def lines_of(*args):
    saved.extend(json.loads(line) for line in run(*args).decode().splitlines())


upload = files["text.txt"]
data = ["--data-binary", f"@{www}/text.txt"]
try:
    common = ["nghttpd", "--no-tls", "-a", "127.0.0.1", "-d", www]
    start(*common, "--trailer", "x-sum: abc", "-p", "/text.txt=/p1.css,/p2.js", str(NGHTTPD))
    start(*common, "-b", "200", "--echo-upload", "-c", "64", str(PADDED))
    start(*common, "--echo-upload", "-c", "8192", str(BACKEND))
    start("nghttpx", "-f", f"127.0.0.1,{NGHTTPX};no-tls", "-b", f"127.0.0.1,{BACKEND};;proto=h2", "--workers=1", "--errorlog-file=/dev/null", "--no-ocsp", "--conf=/dev/null", "--no-via", "--no-server-rewrite")
    start("nginx", "-c", f"{OUT}/nginx.conf", "-e", f"{OUT}/err.log")
    start("node", f"{HERE}/http2_node.mjs", "server", str(NODE))
    ports = [NGHTTPD, PADDED, NGINX, NODE, NGHTTPX, BACKEND, TLS12, TLS13]
    if GRPC_PYTHON:
        start(GRPC_PYTHON, f"{HERE}/grpc_talk.py", "server", str(GRPC))
        ports.append(GRPC)
    for port in ports:
        wait_for(port)
    time.sleep(0.3)  # connections of the waiting end before recording begins
    # large against what comes in a moment: on a busy machine tcpdump may not run for seconds
    capture = f"{OUT}/http2.pcap"
    dump = subprocess.Popen(["tcpdump", "-i", "lo", "-U", "-s", "0", "-B", "131072", "-Z", "root", "-w", capture, "tcp"], stderr=subprocess.PIPE, text=True)
    started.append(dump)
    said, listens = [], threading.Event()

    def listen():
        for line in dump.stderr:
            said.append(line)
            if "listening on" in line:
                listens.set()
        listens.set()

    ear = threading.Thread(target=listen)
    ear.start()
    listens.wait(30)
    if "listening on" not in "".join(said):
        sys.exit(f"http2.py: tcpdump does not start: {said}")

    for _ in range(3):
        nghttp(NGHTTPD, ["/text.txt"], "--no-push")
        nghttp(NGHTTPD, ["/big.bin", "/s.txt", "/empty.txt"], "-b", "77")
        nghttp(NGHTTPD, ["/s.txt", "/text.txt"], "--continuation", "--no-push")
        nghttp(PADDED, ["/text.txt"], "--continuation", "-b", "255")
        nghttp(PADDED, ["/echo"], "-d", f"{www}/text.txt", "--trailer", "x-sent: all", "-b", "30", method="POST", sent=upload)
        nghttp(PADDED, ["/echo"], "-d", f"{www}/text.txt", "-H", "x-large: " + "z" * 30000, "--continuation", method="POST", sent=upload)
        nghttp(NGHTTPX, ["/big.bin", "/s.txt"], "-u")
        nghttp(NGHTTPX, ["/echo"], "-u", "-d", f"{www}/text.txt", method="POST", sent=upload)
    # h2load takes no pushes, nghttp takes them
    run("nghttp", "-n", f"http://127.0.0.1:{NGHTTPD}/text.txt")
    note(NGHTTPD, "GET", "/text.txt", 200, b"", files["text.txt"])
    for path in ("/p1.css", "/p2.js"):
        note(NGHTTPD, "GET", path, 200, b"", files[path[1:]], pushed=True)
    h2load(PADDED, 1000, ["s.txt", "p1.css"], "-c", "4", "-m", "100")
    h2load(NGINX, 1602, ["s.txt", "p2.js"], "-c", "3", "-m", "100")
    h2load(PADDED, 12, ["big.bin"], "-c", "2", "-m", "6")
    gets = [("GET", port, path, ["-H", "Authorization: Bearer curl"], b"") for port in (NGINX, PADDED) for path in ("/text.txt", "/s.txt", "/missing", "/p2.js", "/empty.txt")]
    curl(gets * 3)
    curl(gets + [("HEAD", NGINX, "/text.txt", [], b""), ("GET", NGINX, "/none", [], b""), ("GET", NGINX, "/moved", [], b""), ("GET", NGINX, "/text.txt", ["-H", "Range: bytes=100-199"], b""), ("GET", NGINX, "/text.txt", ["-H", "Accept-Encoding: gzip"], b""), ("GET", NGINX, "/big.bin", [], b"")])
    curl([("POST", PADDED, "/echo", data, upload), ("PUT", NODE, "/put", data, upload), ("POST", NODE, "/echo", ["-H", "Expect: 100-continue", *data], upload), ("GET", NODE, "/headers", [], b""), ("GET", NODE, "/early", [], b""), ("HEAD", NODE, "/plain", [], b"")])
    for _ in range(3):
        curl([("GET", NGHTTPX, path, [], b"") for path in ("/text.txt", "/missing", "/p1.css", "/s.txt")], how="--http2")
    curl([("GET", NGHTTPX, "/text.txt", [], b"")] * 5)
    lines_of("node", f"{HERE}/http2_node.mjs", "client", f"{NODE}:node", f"{NODE}:node", f"{NGINX}:nginx", f"{PADDED}:nghttpd")
    if GRPC_PYTHON:
        lines_of(GRPC_PYTHON, f"{HERE}/grpc_talk.py", "client", str(GRPC))
    for port in (TLS12, TLS13):
        for _ in range(3):
            curl_tls(port, ["/text.txt", "/s.txt", "/missing", "/big.bin", "/empty.txt", "/none", "/moved", "/p2.js"])
    # quiet: what was sent has been written
    size, quiet = -1, 0
    while quiet < 3:
        time.sleep(0.25)
        quiet = quiet + 1 if os.path.getsize(capture) == size else 0
        size = os.path.getsize(capture)
    dump.send_signal(signal.SIGINT)
    dump.wait(timeout=30)
    ear.join()
    lost = re.search(r"^(\d+) packets? dropped by kernel", "".join(said), re.M)
    if not lost:
        sys.exit(f"http2.py: tcpdump did not say what was dropped: {said}")
    if lost[1] != "0":
        print(f"http2.py: {lost[0]}", file=sys.stderr)
        sys.exit(DROPPED)
finally:
    for p in started:
        if p.poll() is None:
            p.terminate()
    for p in started:
        p.wait()
with open(f"{OUT}/saved.jsonl", "w") as f:
    for row in saved:
        f.write(json.dumps(row) + "\n")
