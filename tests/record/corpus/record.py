#!/usr/bin/env python3
"""Records the labelled corpus: ten services in eight frameworks and without one (Flask, FastAPI, Django, Tornado, aiohttp; Express, Fastify, Koa) behind
an nginx gateway, some seventy clients, tcpdump, in a network namespace of its own. Nothing of leaktrace takes part: servers and
clients write down what they do while they do it (note.py, note.cjs, clients.py).
Run as `unshare -n PYTHON record.py OUT SEED` with a Python that has the frameworks and NODE_PATH set to a folder with the Node ones.
Writes OUT/corpus.pcap, logs with clocks that are wrong (gateway.log, shop.log, portal.log, legacy.log) and OUT/truth.jsonl: first a
line of facts, then a line for each call on the wire in order of its connection: who, by which kind of credential, route, findings,
the call in front of it, lines of logs."""
import collections, fcntl, json, os, re, signal, socket, struct, subprocess, sys, time

OUT, SEED = os.path.abspath(sys.argv[1]), int(sys.argv[2])
HERE = os.path.dirname(os.path.abspath(__file__))
for name in list(os.environ):
    if name.lower().endswith("_proxy"):
        del os.environ[name]
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
    fcntl.ioctl(s, 0x8914, struct.pack("16sh14x", b"lo", 0x49))  # SIOCSIFFLAGS: up, loopback, running
    fcntl.ioctl(s, 0x8922, struct.pack("16si12x", b"lo", 1500))  # SIOCSIFMTU
for a in ["0.2", *(f"1.{n}" for n in range(11, 21)), *(f"5.{n}" for n in range(11, 51))]:
    subprocess.run(["ip", "addr", "add", f"10.60.{a}/32", "dev", "lo"], check=True)
os.chmod(OUT, 0o755)
subprocess.run([sys.executable, f"{HERE}/world.py", f"{OUT}/world.json", str(SEED)], check=True)
W = json.load(open(f"{OUT}/world.json"))
SERVICES = {"shop": ("shop.py", "10.60.1.11:5001"), "hr": ("hr.py", "10.60.1.12:5002"), "auth": ("auth.py", "10.60.1.13:5003"), "pay": ("pay.cjs", "10.60.1.14:5004"), "portal": ("portal.cjs", "10.60.1.15:5005"),
            "graph": ("graph.cjs", "10.60.1.16:5006"), "legacy": ("legacy.py", "10.60.1.17:5007"), "files": ("files.py", "10.60.1.18:5008"), "store": ("store.cjs", "10.60.1.19:5009"), "desk": ("desk.py", "10.60.1.20:5010")}
# what the gateway hands on: ids, addresses, the host as it was asked for, connections kept
HANDS_ON = {"shop": "proxy_set_header X-Request-Id $request_id;", "portal": "proxy_set_header X-B3-TraceId $request_id; proxy_set_header X-Forwarded-For $remote_addr; proxy_set_header Host $host;",
            "pay": "proxy_set_header X-Trace-Id $request_id; proxy_set_header Host $host;", "auth": "proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for; proxy_set_header Host $host;", "hr": "proxy_set_header X-Real-IP $remote_addr;",
            "graph": "proxy_set_header Host $host;", "legacy": "", "files": "proxy_set_header Host $host;", "desk": "proxy_set_header Host $host;"}
IDS = ["shop", "portal", "pay"]
servers = ""
for name, host in W["hosts"].items():
    place = "/hr/" if name == "hr" else "/"
    servers += f"""  upstream {name} {{ server {SERVICES[name][1]}; {'keepalive 8;' if name in ('auth', 'graph') else ''} }}
  server {{ listen 10.60.0.2:80; server_name {host}; location {place} {{ proxy_pass http://{name}{'/' if place != '/' else ''}; proxy_bind 10.60.0.2;
    {'proxy_http_version 1.1; proxy_set_header Connection "";' if name in ('auth', 'graph') else ''} {HANDS_ON[name]} proxy_hide_header X-Served; }} }}
"""
with open(f"{OUT}/nginx.conf", "w") as f:
    f.write(f"""worker_processes 1; pid {OUT}/nginx.pid; error_log {OUT}/error.log; daemon off; events {{ worker_connections 1024; }}
http {{ log_format truth escape=json '{{"src":"$remote_addr","sport":$remote_port,"n":$connection_requests,"served":"$upstream_http_x_served","msec":$msec}}';
  access_log {OUT}/gateway.raw; access_log {OUT}/truth.gateway truth; client_body_temp_path {OUT}/t1; proxy_temp_path {OUT}/t2; fastcgi_temp_path {OUT}/t3; uwsgi_temp_path {OUT}/t4; scgi_temp_path {OUT}/t5;
  keepalive_timeout 60s;
{servers}}}""")
procs = []
try:
    said = open(f"{OUT}/said", "w")
    for name, (script, addr) in SERVICES.items():
        env = dict(os.environ, CORPUS_OUT=OUT, CORPUS_SVC=name, CORPUS_ADDR=addr, CORPUS_STORE=SERVICES["store"][1], PYTHONDONTWRITEBYTECODE="1")
        procs.append(subprocess.Popen([sys.executable if script.endswith(".py") else "node", f"{HERE}/{script}"], env=env, stdout=said, stderr=said, cwd=HERE))
    procs.append(subprocess.Popen(["nginx", "-c", f"{OUT}/nginx.conf"], stderr=said))
    for addr in [*(a for _, a in SERVICES.values()), "10.60.0.2:80"]:
        for n in range(400):
            try:
                socket.create_connection(addr.split(":")).close()
                break
            except OSError:
                time.sleep(0.05)
        else:
            sys.exit(f"nothing listens on {addr}: " + open(f"{OUT}/said").read())
    dump = subprocess.Popen(["tcpdump", "-i", "lo", "-s", "0", "-U", "--immediate-mode", "-B", "65536", "-w", f"{OUT}/corpus.pcap", "tcp"], stderr=subprocess.PIPE)
    procs.append(dump)
    while b"listening" not in dump.stderr.readline():
        pass
    subprocess.run([sys.executable, f"{HERE}/clients.py", OUT], check=True)
    time.sleep(0.8)
    dump.send_signal(signal.SIGINT)
    if b"\n0 packets dropped" not in dump.communicate(timeout=20)[1]:
        sys.exit("tcpdump lost packets")
finally:
    for p in procs:
        p.terminate()
    for p in procs:
        p.wait()

rows = lambda name: [json.loads(l) for l in open(f"{OUT}/{name}")]
# the gateway's clock is wrong: its lines are told as it would have told them
with open(f"{OUT}/gateway.log", "w") as f:
    for line, t in zip(open(f"{OUT}/gateway.raw"), rows("truth.gateway"), strict=True):
        told = time.strftime("%d/%b/%Y:%H:%M:%S +0000", time.gmtime(t["msec"] + W["skew"]["gateway"]))
        f.write(re.sub(r"\[[^]]*\]", f"[{told}]", line, count=1))
front = {(c["src"], c["sport"], c["n"]): c for c in rows("truth.clients")}
back, order = {}, collections.Counter()
for name, (_, addr) in SERVICES.items():
    ip, port = addr.split(":")
    for line, t in enumerate(rows(f"truth.{name}"), 1):
        key = (*t["peer"], ip)
        order[key] += 1
        t |= {"src": t["peer"][0], "sport": t["peer"][1], "dst": ip, "dport": int(port), "n": order[key], "log": [f"{name}.log", line] if name in W["skew"] else None}
        back[t["served"]] = t
# a server's answer is what the gateway passed on
for line, g in enumerate(rows("truth.gateway"), 1):
    f, b = front[g["src"], g["sport"], g["n"]], back[g["served"]]
    place = "/hr" if b["svc"] == "hr" else ""
    f |= {"svc": b["svc"], "route": b["route"] and place + b["route"], "log": ["gateway.log", line], "sent": f["finds"], "got": b["finds"]}
    b |= {"who": f["who"], "kind": f["kind"], "parent": [f["src"], f["sport"], f["n"]], "ids": b["svc"] in IDS, "sent": f["finds"], "got": b["finds"]}
for c in rows("truth.calls"):
    o, i = back[c["outer"]], back[c["inner"]]
    i |= {"who": o["who"], "kind": "gateway-header", "parent": [o["src"], o["sport"], o["n"]], "ids": True, "sent": [], "got": i["finds"]}
for b in back.values():
    if "who" not in b:  # asked without the gateway
        f = front.pop((b["src"], b["sport"], b["n"]))
        b |= {"who": f["who"], "kind": f["kind"], "parent": None, "ids": None, "sent": f["finds"], "got": b["finds"]}
fields = "src sport dst dport n svc method uri status who kind route sent got parent ids log".split()
calls = [{k: c.get(k) for k in fields} for c in [*front.values(), *back.values()]]
with open(f"{OUT}/truth.jsonl", "w") as f:
    f.write(json.dumps({"seed": SEED, "hosts": W["hosts"], "skew": W["skew"]}, ensure_ascii=False) + "\n")
    for c in sorted(calls, key=lambda c: (c["src"], c["sport"], c["dst"], c["n"])):
        f.write(json.dumps(c, ensure_ascii=False) + "\n")
