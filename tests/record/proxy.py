#!/usr/bin/env python3
"""Records the same calls three times: as packets on both sides of a proxy, as mitmproxy keeps them, and as its HTTP archive. Writes
tests/fixtures/proxy.pcap, proxy.flow and proxy.har. The client is 127.0.0.2, the proxy 127.0.0.1, the server 127.0.0.3. Needs
mitmproxy (`pip install mitmproxy`), curl and tcpdump as root; run by hand, the results are committed. Argument: mitmdump."""
import gzip, http.server, json, os, subprocess, sys, tempfile, threading, time

MITM = sys.argv[1] if len(sys.argv) > 1 else "mitmdump"
OUT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "fixtures")
PLAIN, PROXY = 18094, 18095
for name in list(os.environ):
    if name.lower().endswith("_proxy"):
        del os.environ[name]


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
        self.wfile.write(body)

    def do_GET(self):
        if self.path.startswith("/people"):
            people = json.dumps([{"id": 1, "phone": "13812345678"}, {"id": 2, "phone": "13912345679"}]).encode()
            self.answer(200, gzip.compress(people, mtime=0), Content_Type="application/json", Content_Encoding="gzip")
        elif self.path == "/poll":
            self.answer(200, b'{"news":[]}', Content_Type="application/json")
        else:
            self.answer(404, b'{"error":"no such thing"}', Content_Type="application/json")

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.answer(201, body, Content_Type=self.headers.get("Content-Type", "application/octet-stream"))


tmp = tempfile.mkdtemp()
server = http.server.ThreadingHTTPServer(("127.0.0.3", PLAIN), Handler)
threading.Thread(target=server.serve_forever, daemon=True).start()
flow, har, pcap = (f"{OUT}/proxy.{end}" for end in ("flow", "har", "pcap"))
for f in (flow, har, pcap):
    if os.path.exists(f):
        os.remove(f)
dump = subprocess.Popen(["tcpdump", "-q", "-U", "-Z", "root", "-i", "lo", "-w", pcap, f"tcp port {PLAIN} or tcp port {PROXY}"], stderr=subprocess.DEVNULL)
proxy = subprocess.Popen([MITM, "-q", "--listen-host", "127.0.0.1", "-p", str(PROXY), "-w", flow, "--set", f"hardump={har}", "--set", f"confdir={tmp}"])
time.sleep(4)


def ask(*targets):
    urls = [f"http://127.0.0.3:{PLAIN}{t}" for t in targets if t.startswith("/")]
    options = [t for t in targets if not t.startswith("/")]
    subprocess.run(["curl", "-s", "--http1.1", "--compressed", "--interface", "127.0.0.2", "-x", f"http://127.0.0.1:{PROXY}", "--noproxy", "",
                    *options, *urls], check=True, capture_output=True)


ask("/login", "-H", "Content-Type: application/json", "-d", '{"username":"amy","password":"Tr0ub4dor&3"}')
for page in range(4):
    ask(f"/people?page={page}", "-H", "Cookie: sid=7f3a9c1e5b2d8046")
ask("/poll", "/poll", "/poll")  # one after the other on one connection
ask("/poll")
ask("/missing?a=1")
time.sleep(1)
for p in (proxy, dump):
    p.terminate()
    p.wait()
