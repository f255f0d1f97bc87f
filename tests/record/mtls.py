#!/usr/bin/env python3
"""Records calls of clients that show certificates (curl) to nginx, which asks for them, over TLS 1.2, TLS 1.3 and HTTP/2, on this
network namespace's loopback. Run as `unshare -n python3 mtls.py OUT`. Writes OUT/mtls.pcap, OUT/keys.log and OUT/truth.jsonl: the
target of each call and the name in the certificate that nginx saw (null for none), as nginx itself logged it."""
import fcntl, json, os, signal, socket, struct, subprocess, sys, time

OUT = os.path.abspath(sys.argv[1])
for name in list(os.environ):
    if name.lower().endswith("_proxy"):
        del os.environ[name]
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
    fcntl.ioctl(s, 0x8914, struct.pack("16sh14x", b"lo", 0x49))  # SIOCSIFFLAGS: up, loopback, running
    fcntl.ioctl(s, 0x8922, struct.pack("16si12x", b"lo", 1500))  # SIOCSIFMTU
os.chmod(OUT, 0o755)


def run(*args, **kw):
    return subprocess.run(args, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, **kw).stdout


run("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", f"{OUT}/ca.pem", "-out", f"{OUT}/ca.crt",
    "-subj", "/O=Example/CN=Example CA", "-days", "3650")
PEOPLE = ["li.na", "wang.fang", "批处理-7"]
for i, who in enumerate(["server.example.org", *PEOPLE]):
    run("openssl", "req", "-utf8", "-newkey", "rsa:2048", "-nodes", "-keyout", f"{OUT}/{i}.pem", "-out", f"{OUT}/{i}.csr",
        "-subj", f"/O=Example/OU=Ops/CN={who}")
    run("openssl", "x509", "-req", "-in", f"{OUT}/{i}.csr", "-CA", f"{OUT}/ca.crt", "-CAkey", f"{OUT}/ca.pem", "-CAcreateserial",
        "-out", f"{OUT}/{i}.crt", "-days", "3650")
SERVERS = [("12", "TLSv1.2", ""), ("13", "TLSv1.3", ""), ("h2", "TLSv1.3", " http2")]
conf = "".join(f"""  server {{ listen 127.0.0.1:{18600 + n} ssl{h2}; ssl_protocols {v}; ssl_session_cache shared:s{n}:1m;
    ssl_certificate {OUT}/0.crt; ssl_certificate_key {OUT}/0.pem; ssl_client_certificate {OUT}/ca.crt; ssl_verify_client optional;
    location / {{ return 200 "ok\\n"; }} }}
""" for n, (_, v, h2) in enumerate(SERVERS))
with open(f"{OUT}/nginx.conf", "w") as f:
    f.write(f"""worker_processes 1; pid {OUT}/nginx.pid; error_log {OUT}/error.log; events {{}}
http {{ log_format truth escape=json '{{"uri":"$request_uri","dn":"$ssl_client_s_dn"}}'; access_log {OUT}/access.log truth;
{conf}}}""")
dump = subprocess.Popen(["tcpdump", "-i", "lo", "-s", "0", "-U", "--immediate-mode", "-B", "16384", "-w", f"{OUT}/mtls.pcap", "tcp"], stderr=subprocess.PIPE)
while b"listening" not in dump.stderr.readline():
    pass
nginx = subprocess.Popen(["nginx", "-c", f"{OUT}/nginx.conf", "-g", "daemon off;"], stderr=subprocess.DEVNULL)
for _ in range(100):
    try:
        socket.create_connection(("127.0.0.1", 18600)).close()
        break
    except OSError:
        time.sleep(0.05)
env = dict(os.environ, SSLKEYLOGFILE=f"{OUT}/keys.log")
for n, (name, _, _) in enumerate(SERVERS):
    for i in range(len(PEOPLE) + 1):
        cert = ["--cert", f"{OUT}/{i}.crt", "--key", f"{OUT}/{i}.pem"] if i else []
        urls = [f"https://127.0.0.1:{18600 + n}/orders/{name}-{i}-{k}" for k in range(3)]
        run("curl", "-sk", *cert, *urls, env=env)
time.sleep(0.6)
dump.send_signal(signal.SIGINT)
dump.wait()
nginx.terminate()
nginx.wait()
with open(f"{OUT}/access.log") as f, open(f"{OUT}/truth.jsonl", "w") as out:
    for line in f:
        row = json.loads(line)
        names = [p[3:] for p in row["dn"].split(",") if p.startswith("CN=")]
        out.write(json.dumps({"uri": row["uri"], "certificate": bool(row["dn"]), "name": names[0] if names else None}) + "\n")
