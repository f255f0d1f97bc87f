#!/usr/bin/env python3
"""Records HTTP/1 over TLS between real servers (nginx, openssl s_server) and real clients (curl, Node, openssl s_client) on this
network namespace's loopback. Run as `unshare -n python3 tls.py OUT [small]`. Writes OUT/tls.pcap, OUT/keys.log, OUT/rsa.pem (the
servers' RSA key) and OUT/saved.jsonl: for each call its port, what the connection is, target, status, and the SHA-256 of the
content as the client saved it."""
import fcntl, hashlib, json, os, signal, socket, struct, subprocess, sys, threading, time

OUT = os.path.abspath(sys.argv[1])
SMALL = "small" in sys.argv[2:]
for name in list(os.environ):
    if name.lower().endswith("_proxy"):
        del os.environ[name]
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
    fcntl.ioctl(s, 0x8914, struct.pack("16sh14x", b"lo", 0x49))  # SIOCSIFFLAGS: up, loopback, running
    fcntl.ioctl(s, 0x8922, struct.pack("16si12x", b"lo", 1500))  # SIOCSIFMTU

www = f"{OUT}/www"
os.makedirs(www)
os.chmod(OUT, 0o755)
lines = 40 if SMALL else 600
with open(f"{www}/text.txt", "w") as f:
    f.write("".join(f'{{"id": {i}, "name": "item {i}"}}\n' for i in range(lines)))
with open(f"{www}/big.bin", "wb") as f:
    f.write(b"".join(hashlib.sha256(b"%d" % i).digest() for i in range(700 if SMALL else 5000)))


def run(*args, **kw):
    return subprocess.run(args, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, **kw).stdout


for kind, args in (("rsa", ["rsa:2048"]), ("ec", ["ec", "-pkeyopt", "ec_paramgen_curve:P-256"])):
    run("openssl", "req", "-x509", "-newkey", *args, "-nodes", "-keyout", f"{OUT}/{kind}.pem", "-out", f"{OUT}/{kind}.crt",
        "-subj", f"/C=DE/O=Example/CN={kind}.example.org", "-days", "3650")

# name, versions and suites of the server, further settings
SERVERS = [
    ("gcm", "TLSv1.2", "ECDHE-RSA-AES128-GCM-SHA256", ""),
    ("chacha", "TLSv1.2", "ECDHE-RSA-CHACHA20-POLY1305", ""),
    ("cbc-sha", "TLSv1.2", "ECDHE-RSA-AES128-SHA", "ssl_conf_command Options -EncryptThenMac;"),
    ("cbc-sha256", "TLSv1.2", "ECDHE-RSA-AES128-SHA256", ""),
    ("rsa-gcm", "TLSv1.2", "AES256-GCM-SHA384", ""),
    ("13", "TLSv1.3", "", ""),
    ("h2", "TLSv1.3", "", ""),
]
if not SMALL:
    SERVERS += [
        ("h2-12", "TLSv1.2", "ECDHE-RSA-AES256-GCM-SHA384", ""),
        ("cbc-sha-etm", "TLSv1.2", "ECDHE-RSA-AES256-SHA", ""),
        ("cbc-sha384", "TLSv1.2", "ECDHE-ECDSA-AES256-SHA384", "ssl_conf_command Options -EncryptThenMac;"),
        ("gcm-256", "TLSv1.2", "ECDHE-ECDSA-AES256-GCM-SHA384", ""),
        ("ccm", "TLSv1.2", "ECDHE-ECDSA-AES128-CCM", ""),
        ("ccm8", "TLSv1.2", "ECDHE-ECDSA-AES256-CCM8", ""),
        ("camellia", "TLSv1.2", "ECDHE-RSA-CAMELLIA128-SHA256", ""),
        ("camellia-256", "TLSv1.2", "CAMELLIA256-SHA", "ssl_conf_command Options -EncryptThenMac;"),
        ("aria", "TLSv1.2", "ECDHE-ARIA256-GCM-SHA384", ""),
        ("null", "TLSv1.2", "NULL-SHA256:@SECLEVEL=0", ""),
        ("1.0", "TLSv1", "AES128-SHA:@SECLEVEL=0", "ssl_conf_command Options -EncryptThenMac;"),
        ("1.0-etm", "TLSv1", "ECDHE-RSA-AES256-SHA:@SECLEVEL=0", ""),
        ("1.1", "TLSv1.1", "AES256-SHA:@SECLEVEL=0", ""),
        ("rsa-no-ems", "TLSv1.2", "AES128-SHA256", "ssl_conf_command Options -ExtendedMasterSecret;"),
        ("rsa-ids", "TLSv1.2", "AES128-GCM-SHA256", "ssl_session_tickets off; ssl_session_cache shared:a:1m;"),
        ("rsa-1.0-ids", "TLSv1", "AES256-SHA:@SECLEVEL=0", "ssl_session_tickets off; ssl_session_cache shared:b:1m;"),
        ("13-aes256", "TLSv1.3", "", "ssl_conf_command Ciphersuites TLS_AES_256_GCM_SHA384;"),
        ("13-chacha", "TLSv1.3", "", "ssl_conf_command Ciphersuites TLS_CHACHA20_POLY1305_SHA256;"),
        ("13-ccm", "TLSv1.3", "", "ssl_conf_command Ciphersuites TLS_AES_128_CCM_SHA256;"),
        ("13-ccm8", "TLSv1.3", "", "ssl_conf_command Ciphersuites TLS_AES_128_CCM_8_SHA256:TLS_AES_128_CCM_SHA256;"),
        ("13-retry", "TLSv1.3", "", "ssl_ecdh_curve secp384r1;"),
        ("13-early", "TLSv1.3", "", "ssl_early_data on;"),
        ("13-no-early", "TLSv1.3", "", ""),
    ]
PORT = {}
conf = ""
for n, (name, versions, suites, more) in enumerate(SERVERS):
    PORT[name] = 18400 + n
    ciphers = f"ssl_ciphers {suites};" if suites else ""
    conf += f"""  server {{ listen 127.0.0.1:{PORT[name]} ssl{" http2" if name[:2] == "h2" else ""}; server_name {name}.example.org; root {www}; ssl_protocols {versions}; {ciphers} {more}
    ssl_certificate {OUT}/rsa.crt; ssl_certificate_key {OUT}/rsa.pem; ssl_certificate {OUT}/ec.crt; ssl_certificate_key {OUT}/ec.pem;
    location /post {{ return 201 "taken\\n"; }} }}
"""
with open(f"{OUT}/nginx.conf", "w") as f:
    f.write(f"""daemon off; worker_processes 1; pid {OUT}/nginx.pid; error_log {OUT}/err.log;
events {{ worker_connections 256; }}
http {{ access_log off; types {{ text/plain txt; }} gzip off; client_max_body_size 8m;
  client_body_temp_path {OUT}/b; proxy_temp_path {OUT}/p; fastcgi_temp_path {OUT}/f; uwsgi_temp_path {OUT}/u; scgi_temp_path {OUT}/s;
{conf} }}
""")

text = open(f"{www}/text.txt", "rb").read()
started = []


def start(*args, **kw):
    kw.setdefault("stdout", subprocess.DEVNULL)
    kw.setdefault("stderr", subprocess.DEVNULL)
    started.append(subprocess.Popen(args, **kw))
    return started[-1]


def wait_for(port):
    for _ in range(100):
        try:
            return socket.create_connection(("127.0.0.1", port)).close()
        except OSError:
            time.sleep(0.05)
    sys.exit(f"tls.py: nothing listens on {port}")


KEYS = f"{OUT}/keys.log"
env = dict(os.environ, SSLKEYLOGFILE=KEYS)
saved = []
counter = 0


def unique(path):
    global counter
    counter += 1
    return f"{path}{'&' if '?' in path else '?'}n={counter}"


def note(name, target, status, body):
    sha = hashlib.sha256(body).hexdigest() if body else None
    saved.append({"port": PORT[name], "name": name, "target": target, "status": status, "sha256": sha})


def flags(name):
    _, versions, suites, _ = next(s for s in SERVERS if s[0] == name)
    args = ["-sk", "--http2" if name[:2] == "h2" else "--http1.1"]
    if versions == "TLSv1.3":
        args += ["--tls13-ciphers", "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256:TLS_AES_128_CCM_SHA256:TLS_AES_128_CCM_8_SHA256"]
    elif "@" in suites:
        args += ["--ciphers", "ALL:eNULL:@SECLEVEL=0", "--tlsv1.0"]
    else:
        args += ["--ciphers", suites]
    return args


def curl(name, targets, *more):
    """Calls of one run of curl: one connection where it is kept alive, a resumed one each where it is not."""
    args = ["curl"]
    outs = []
    host = f"{name}.example.org:{PORT[name]}"
    for t in targets:
        if outs:
            args.append("--next")
        outs.append(f"{OUT}/c{len(saved)}.{len(outs)}")
        args += [*flags(name), "--resolve", f"{host}:127.0.0.1", "-o", outs[-1], "-w", "%{http_code}\n", *more, f"https://{host}{t}"]
    codes = run(*args, env=env).decode().split()
    for t, out, code in zip(targets, outs, codes):
        body = open(out, "rb").read() if os.path.exists(out) else b""
        note(name, t, int(code), body)


NODE = """
const https = require('https'), fs = require('fs'), crypto = require('crypto');
const [port, keys, ...targets] = process.argv.slice(1);
const agent = new https.Agent({ keepAlive: false, maxCachedSessions: 10 });
agent.on('keylog', line => fs.appendFileSync(keys, line));
(async () => { for (const t of targets) await new Promise(done => {
  https.get({ host: '127.0.0.1', port, path: t, agent, rejectUnauthorized: false, servername: 'node.example.org' }, r => {
    const parts = []; r.on('data', d => parts.push(d)); r.on('end', () => { const b = Buffer.concat(parts);
      console.log(JSON.stringify({ t, status: r.statusCode, sha256: b.length ? crypto.createHash('sha256').update(b).digest('hex') : null })); done(); }); });
}); })();
"""


def node(name, targets):
    out = run("node", "-e", NODE, str(PORT[name]), KEYS, *targets)
    for line in out.decode().splitlines():
        r = json.loads(line)
        saved.append({"port": PORT[name], "name": name, "target": r["t"], "status": r["status"], "sha256": r["sha256"]})


def s_client(name, words, *more, wait=0.4, sni=None):
    """Types words into s_client, and waits after each request until the file has come."""
    p = subprocess.Popen(["openssl", "s_client", "-connect", f"127.0.0.1:{PORT[name]}", "-servername", f"{sni or name}.example.org", "-keylogfile", KEYS, *more],
                         stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, bufsize=0)
    out = bytearray()

    def drain():
        while piece := p.stdout.read(65536):
            out.extend(piece)

    reader = threading.Thread(target=drain)
    reader.start()

    def until(done, seconds=20):
        for _ in range(seconds * 50):
            if done() or p.poll() is not None:
                return
            time.sleep(0.02)

    until(lambda: b"Verify return code" in out)
    last = text.splitlines()[-1]
    for w in words:
        have = out.count(last)
        p.stdin.write(w.encode())
        if w.startswith("GET"):
            until(lambda: out.count(last) > have)
        else:
            time.sleep(wait)
    if not words:
        until(lambda: last in out)
    p.stdin.close()
    reader.join()
    p.wait()
    return bytes(out)


def get(target, name="13", close=False):
    return f"GET {target} HTTP/1.1\r\nHost: {name}.example.org\r\n{'Connection: close' + chr(13) + chr(10) if close else ''}\r\n"


try:
    start("nginx", "-p", OUT, "-c", f"{OUT}/nginx.conf")
    for p in PORT.values():
        wait_for(p)
    time.sleep(0.3)
    # in immediate mode a packet of any size takes a slot of 256 KiB: 16 MiB are 64 packets, and a burst is lost
    dump = start("tcpdump", "-i", "lo", "-s", "0", "-U", "--immediate-mode", "-w", f"{OUT}/tls.pcap", "-B", "131072", "tcp")
    for _ in range(100):
        if os.path.exists(f"{OUT}/tls.pcap") and os.path.getsize(f"{OUT}/tls.pcap") >= 24:
            break
        time.sleep(0.05)
    time.sleep(0.3)

    for name in PORT:
        curl(name, [unique("/text.txt"), unique("/big.bin"), unique("/missing")])
        curl(name, [unique("/post")], "--data-binary", f"@{www}/text.txt")
        if not SMALL:
            # connections that resume
            curl(name, [unique("/text.txt") for _ in range(3)], "-H", "Connection: close")
    if not SMALL:
        for name in ("gcm", "13"):
            node(name, [unique("/text.txt"), unique("/big.bin"), unique("/text.txt")])
        # key updates of either side and of both
        targets = [unique("/text.txt") for _ in range(5)]
        out = s_client("13", [get(targets[0]), "k\n", get(targets[1]), "K\n", get(targets[2]), "K\n", "k\n", get(targets[3]), get(targets[4], close=True)])
        # s_client prints words of its own in between
        assert out.count(text.splitlines()[-1]) == 5, ("key updates", out[:3000])
        for t in targets:
            note("13", t, 200, text)
        # early data, accepted and not
        for name in ("13-early", "13-no-early"):
            sess = f"{OUT}/{name}.sess"
            t = unique("/text.txt")
            out = s_client(name, [get(t, name, close=True)], "-sess_out", sess)
            assert text.splitlines()[-1] in out, ("session for early data", out[-800:])
            note(name, t, 200, text)
            t = unique("/text.txt")
            early = f"{OUT}/{name}.early"
            with open(early, "w") as f:
                f.write(get(t, name, close=True))
            if name == "13-early":
                out = s_client(name, [], "-sess_in", sess, "-early_data", early)
                assert text.splitlines()[-1] in out, ("early data", out[-800:])
                note(name, t, 200, text)
            else:
                # the session of a server that takes early data, given to one that does not: rejected, sent again
                out = s_client(name, [get(t, name, close=True)], "-sess_in", f"{OUT}/13-early.sess", "-early_data", early, sni="13-early")
                assert text.splitlines()[-1] in out, ("early data refused", out[-800:])
                note(name, t, 200, text)
        # a second handshake inside the first
        PORT["again"] = 18490
        start("openssl", "s_server", "-accept", "127.0.0.1:18490", "-cert", f"{OUT}/rsa.crt", "-key", f"{OUT}/rsa.pem", "-WWW",
              "-http_server_binmode", "-client_renegotiation", "-tls1_2", cwd=www)
        time.sleep(0.6)  # a connection that says nothing would keep s_server busy
        out = s_client("again", ["R\n", "GET /text.txt HTTP/1.0\r\n\r\n"])
        assert text.splitlines()[-1] in out, ("renegotiation", out[-800:])
        note("again", "/text.txt", 200, text)
        # a key both know beforehand
        PORT["psk"] = 18491
        psk = "00112233445566778899aabbccddeeff"
        start("openssl", "s_server", "-accept", "127.0.0.1:18491", "-nocert", "-psk", psk, "-WWW", "-http_server_binmode", "-tls1_3", cwd=www)
        time.sleep(0.6)  # a connection that says nothing would keep s_server busy
        out = s_client("psk", ["GET /text.txt HTTP/1.0\r\n\r\n"], "-psk", psk, "-tls1_3")
        assert text.splitlines()[-1] in out, ("psk", out[-800:])
        note("psk", "/text.txt", 200, text)
        PORT["psk12"] = 18492
        start("openssl", "s_server", "-accept", "127.0.0.1:18492", "-nocert", "-psk", psk, "-WWW", "-http_server_binmode", "-tls1_2", "-cipher", "PSK-AES128-CBC-SHA", cwd=www)
        time.sleep(0.6)  # a connection that says nothing would keep s_server busy
        out = s_client("psk12", ["GET /text.txt HTTP/1.0\r\n\r\n"], "-psk", psk, "-tls1_2", "-cipher", "PSK-AES128-CBC-SHA")
        assert text.splitlines()[-1] in out, ("psk 1.2", out[-800:])
        note("psk12", "/text.txt", 200, text)
    size = -1
    while size != (size := os.path.getsize(f"{OUT}/tls.pcap")):
        time.sleep(0.7)
    dump.send_signal(signal.SIGINT)
    dump.wait()
finally:
    for p in started:
        if p.poll() is None:
            p.terminate()
    for p in started:
        p.wait()
with open(f"{OUT}/saved.jsonl", "w") as f:
    for s in saved:
        f.write(json.dumps(s) + "\n")
