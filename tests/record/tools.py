#!/usr/bin/env python3
"""Records the same calls as another tool keeps them: curl asks a server, plain and over TLS, through mitmdump. Writes
tests/fixtures/tools.flow (mitmproxy's flow file), tools.har (its HTTP archive) and tools.jsonl: for each call its method,
host, target, status, whether it went over TLS, and the SHA-256 of the content as curl saved it (null where there is none).
Needs mitmproxy (`pip install mitmproxy`), curl and openssl; run by hand, the results are committed. Argument: mitmdump."""
import gzip, hashlib, http.server, json, os, ssl, subprocess, sys, tempfile, threading, time

MITM = sys.argv[1] if len(sys.argv) > 1 else "mitmdump"
HERE = os.path.dirname(os.path.abspath(__file__))
OUT = os.path.join(HERE, "..", "fixtures")
PLAIN, TLS, PROXY = 18090, 18091, 18092
for name in list(os.environ):
    if name.lower().endswith("_proxy"):
        del os.environ[name]
people = [{"id": i, "name": "王小明", "idCard": c, "phone": p} for i, (c, p) in enumerate([
    ("11010519491231002X", "13812345678"), ("440524188001010014", "13912345679")])]


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def answer(self, status, body=b"", **headers):
        self.send_response(status)
        for k, v in headers.items():
            for one in v if isinstance(v, list) else [v]:
                self.send_header(k.replace("_", "-"), one)
        if status != 204:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def do_GET(self):
        path = self.path.split("?")[0]
        if path == "/people":
            self.answer(200, gzip.compress(json.dumps(people).encode(), mtime=0), Content_Type="application/json", Content_Encoding="gzip")
        elif path == "/image":
            self.answer(200, bytes(range(256)) * 3, Content_Type="image/png")
        elif path == "/none":
            self.answer(204)
        elif path == "/text":
            self.answer(200, "naïve 中文\n".encode(), Content_Type="text/plain; charset=utf-8")
        else:
            self.answer(404, b'{"error":"no such thing"}', Content_Type="application/json")

    do_HEAD = do_GET

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.path == "/login":
            self.answer(200, b'{"ok":true}', Content_Type="application/json", Set_Cookie=["sid=7f3a9c1e5b2d8046; Path=/", "theme=dark"])
        else:
            self.answer(201, body, Content_Type=self.headers.get("Content-Type", "application/octet-stream"))


tmp = tempfile.mkdtemp()
cert = f"{tmp}/cert.pem"
subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", cert, "-out", f"{tmp}/c", "-days", "3650",
                "-subj", "/CN=localhost"], check=True, capture_output=True)
open(cert, "a").write(open(f"{tmp}/c").read())
for port in (PLAIN, TLS):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler)
    if port == TLS:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(cert)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
flow, har = f"{OUT}/tools.flow", f"{OUT}/tools.har"
for f in (flow, har):
    if os.path.exists(f):
        os.remove(f)
proxy = subprocess.Popen([MITM, "-q", "-p", str(PROXY), "-w", flow, "--ssl-insecure", "--set", f"hardump={har}", "--set", f"confdir={tmp}"])
time.sleep(4)
truth = []


def ask(method, base, target, *options):
    saved = f"{tmp}/saved"
    if os.path.exists(saved):
        os.remove(saved)
    head = ["-I"] if method == "HEAD" else ["-X", method]
    url = f"{base}{target}"
    run = ["curl", "-s", "-k", "--http1.1", "--compressed", "-x", f"http://127.0.0.1:{PROXY}", "--noproxy", "", *head,
           "-o", saved, "-w", "%{http_code}", *options, url]
    status = int(subprocess.run(run, check=True, capture_output=True, text=True).stdout)
    content = open(saved, "rb").read() if os.path.exists(saved) and method != "HEAD" else b""
    truth.append({"method": method, "host": base.split("//")[1], "target": target, "status": status, "tls": base.startswith("https"),
                  "sha256": hashlib.sha256(content).hexdigest() if content else None})


for base in (f"http://127.0.0.1:{PLAIN}", f"https://localhost:{TLS}"):
    ask("POST", base, "/login", "-H", "Content-Type: application/json", "-d", '{"username":"amy","password":"Tr0ub4dor&3"}')
    for target in ("/people?page=1", "/image", "/none", "/text", "/missing?a=1&b=%20"):
        ask("GET", base, target, "-H", "Cookie: sid=7f3a9c1e5b2d8046")
    ask("HEAD", base, "/people")
    ask("POST", base, "/echo", "-u", "bob:secret-of-bob", "-H", "Content-Type: application/x-www-form-urlencoded", "-d", "phone=13812345678&note=a%20b")
    ask("POST", base, "/echo", "-H", "Content-Type: application/octet-stream", "--data-binary", "raw \x01\x02 bytes")
time.sleep(1)
proxy.terminate()
proxy.wait()
with open(f"{OUT}/tools.jsonl", "w") as f:
    for row in truth:
        f.write(json.dumps(row) + "\n")
