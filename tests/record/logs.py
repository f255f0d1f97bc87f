#!/usr/bin/env python3
"""Records logs of real servers beside what a client asked of them. Writes into tests/fixtures/logs: NAME.log (what the server
wrote), NAME.jsonl (for each request in order: method, target, status, user, agent, time, port of the client), and for the joins
busy.pcap.gz with nginx-busy.log and gunicorn-busy.log, each line with the id of its request at the end (the test cuts it off).
Needs root for tcpdump; nginx, apache2, haproxy, caddy, squid, lighttpd from Debian; gunicorn, uvicorn, hypercorn, flask from
PyPI in the Python environment that is the argument. Run by hand, the results are committed. Listens on 127.0.0.0/8 alone."""
import base64, gzip, http.client, json, os, random, shutil, signal, socket, subprocess, sys, tempfile, threading, time

VENV = sys.argv[1]
HERE = os.path.dirname(os.path.abspath(__file__))
OUT = os.path.join(HERE, "..", "fixtures", "logs")
os.makedirs(OUT, exist_ok=True)
tmp = tempfile.mkdtemp()
os.chmod(tmp, 0o777)
for name in list(os.environ):
    if name.lower().endswith("_proxy"):
        del os.environ[name]
NGINX, GUNI, APACHE, HAP, CADDY, SQUID, LIGHT, UVI, HYPER, FLASK, PLAIN, SYSLOG = range(18100, 18112)
children = []


def start(*args, **kw):
    kw.setdefault("stdout", subprocess.DEVNULL)
    kw.setdefault("stderr", subprocess.DEVNULL)
    p = subprocess.Popen(args, cwd=tmp, **kw)
    children.append(p)
    return p


def write(name, text):
    path = os.path.join(tmp, name)
    with open(path, "w") as f:
        f.write(text)
    return path


write("app.py", '''
import time
def answer(method, path):
    if path == "/missing": return 404, b"no\\n"
    if path == "/fail": return 500, b"oh\\n"
    if path.startswith("/slow"): time.sleep(0.3 if path == "/slow" else 1.2)
    return 200, ("you asked " + path + "\\n").encode()
def wsgi(env, start):
    n = int(env.get("CONTENT_LENGTH") or 0)
    env["wsgi.input"].read(n)
    status, body = answer(env["REQUEST_METHOD"], env["PATH_INFO"])
    start(f"{status} X", [("Content-Length", str(len(body))), ("Content-Type", "text/plain")])
    return [body]
async def asgi(scope, receive, send):
    if scope["type"] != "http": return
    while (await receive()).get("more_body"): pass
    status, body = answer(scope["method"], scope["path"])
    await send({"type": "http.response.start", "status": status, "headers": [(b"content-length", str(len(body)).encode())]})
    await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})
import flask
app = flask.Flask("x")
@app.route("/", defaults={"p": ""}, methods=["GET", "POST"])
@app.route("/<path:p>", methods=["GET", "POST"])
def all(p):
    status, body = answer(flask.request.method, "/" + p)
    return body, status
if __name__ == "__main__":
    import sys
    app.run("127.0.0.1", int(sys.argv[1]))
''')
os.makedirs(f"{tmp}/www", exist_ok=True)
open(f"{tmp}/www/hello", "w").write("hello\n")
open(f"{tmp}/www/index.html", "w").write("index\n")
os.makedirs(f"{tmp}/w", exist_ok=True)
subprocess.run(["chmod", "-R", "a+rwX", tmp])
nginx_formats = r'''
  log_format main '$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent "$http_referer" "$http_user_agent" "$http_x_forwarded_for"';
  log_format timed '$remote_addr:$remote_port|$msec|$request_time|$request_method|$scheme://$http_host$request_uri|$server_protocol|'
                   '$status|$body_bytes_sent|$remote_user|"$http_user_agent"|up=$upstream_addr,$upstream_status|$request_id';
  log_format j escape=json '{"when":"$time_iso8601","took":"$request_time","who":"$remote_addr","name":"$remote_user",'
                           '"what":"$request","code":$status,"ua":"$http_user_agent","rid":"$request_id"}';
'''
write("nginx-formats.conf", nginx_formats)
start("nginx", "-e", f"{tmp}/nginx.err", "-c", write("nginx.conf", f'''
daemon off; worker_processes 1; pid {tmp}/nginx.pid; error_log {tmp}/nginx.err; user root;
events {{ worker_connections 256; }}
http {{ {nginx_formats}
  log_format busy '$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent "$http_referer" "$http_user_agent" rid=$http_x_request_id';
  client_body_temp_path {tmp}/w/b; proxy_temp_path {tmp}/w/p; fastcgi_temp_path {tmp}/w/f; uwsgi_temp_path {tmp}/w/u; scgi_temp_path {tmp}/w/s;
  upstream app {{ server 127.0.0.1:{GUNI}; keepalive 8; }}
  server {{ listen 127.0.0.1:{NGINX};
    access_log {tmp}/nginx.log combined; access_log {tmp}/nginx-main.log main; access_log {tmp}/nginx-timed.log timed;
    access_log {tmp}/nginx-json.log j; access_log syslog:server=127.0.0.1:{SYSLOG},tag=nginx combined;
    access_log {tmp}/nginx-busy.log busy buffer=64k flush=5s;
    location / {{ proxy_pass http://app; proxy_bind 127.0.0.9; proxy_http_version 1.1; proxy_set_header Connection ""; }} }} }}
'''))
gformat = '%(h)s %(l)s %(u)s %(t)s "%(r)s" %(s)s %(b)s "%(f)s" "%(a)s"'
start(f"{VENV}/bin/gunicorn", "-b", f"127.0.0.1:{GUNI}", "--threads", "8", "--keep-alive", "30", "--access-logfile", f"{tmp}/gunicorn-busy.log",
      "--access-logformat", gformat + ' rid=%({x-request-id}i)s', "app:wsgi")
start(f"{VENV}/bin/gunicorn", "-b", f"127.0.0.2:{GUNI}", "--access-logfile", f"{tmp}/gunicorn.log", "app:wsgi")
start(f"{VENV}/bin/gunicorn", "-b", f"127.0.0.3:{GUNI}", "--access-logfile", f"{tmp}/gunicorn-own.log", "--access-logformat",
      '%(t)s %(h)s %(u)s "%(m)s %(U)s" %(s)s %(B)s %(D)sus "%(a)s"', "app:wsgi")
mods = "/usr/lib/apache2/modules"
apache_formats = r'''
LogFormat "%v:%p %h %l %u %t \"%r\" %>s %O \"%{Referer}i\" \"%{User-Agent}i\"" vhost_combined
LogFormat "%{%Y-%m-%dT%H:%M:%S}t.%{usec_frac}t%{%z}t %a:%{remote}p %A:%p %m %U%q %H %>s %B %D %u \"%{User-Agent}i\" \"%{X-Request-Id}i\"" own
LogFormat "%h %l %u %t \"%r\" %>s %b" common
'''
write("apache-formats.conf", apache_formats)
start("apache2", "-DFOREGROUND", "-f", write("apache.conf", f'''
ServerRoot {tmp}
ServerName t.example
PidFile {tmp}/apache.pid
User www-data
Group www-data
Listen 127.0.0.1:{APACHE}
ErrorLog {tmp}/apache.err
DocumentRoot {tmp}/www
LoadModule mpm_event_module {mods}/mod_mpm_event.so
LoadModule authz_core_module {mods}/mod_authz_core.so
{apache_formats}
CustomLog {tmp}/apache.log vhost_combined
CustomLog {tmp}/apache-own.log own
CustomLog {tmp}/apache-common.log common
'''))


def syslog(port):
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.bind(("127.0.0.1", port))
    while True:
        data = s.recv(65536)
        name = "haproxy" if b"haproxy" in data[:80] else "nginx-syslog"
        with open(f"{tmp}/{name}.log", "ab") as f:
            f.write(data.rstrip(b"\n\0") + b"\n")


threading.Thread(target=syslog, args=(SYSLOG,), daemon=True).start()
start("haproxy", "-db", "-f", write("haproxy.cfg", f'''
global
  log 127.0.0.1:{SYSLOG} local0
defaults
  mode http
  log global
  option httplog
  timeout client 5s
  timeout server 5s
  timeout connect 5s
frontend web
  bind 127.0.0.1:{HAP}
  capture request header Host len 32
  capture request header User-Agent len 64
  default_backend app
backend app
  server s1 127.0.0.2:{GUNI}
'''))
start("caddy", "run", "--adapter", "caddyfile", "--config", write("Caddyfile", f'''
{{
  admin off
  auto_https off
}}
http://127.0.0.1:{CADDY} {{
  bind 127.0.0.1
  log {{
    output file {tmp}/caddy.log
  }}
  reverse_proxy 127.0.0.2:{GUNI}
}}
'''), env={**os.environ, "HOME": tmp, "XDG_DATA_HOME": tmp, "XDG_CONFIG_HOME": tmp})
start("squid", "-n", "leaktrace", "-N", "-f", write("squid.conf", f'''
http_port 127.0.0.1:{SQUID}
acl all_of src all
http_access allow all_of
cache deny all
access_log stdio:{tmp}/squid.log squid
cache_log {tmp}/squid.err
pid_filename {tmp}/squid.pid
coredump_dir {tmp}
cache_effective_user proxy
'''))
start("lighttpd", "-D", "-f", write("lighttpd.conf", f'''
server.modules = ( "mod_accesslog" )
server.document-root = "{tmp}/www"
server.bind = "127.0.0.1"
server.port = {LIGHT}
index-file.names = ( "index.html" )
accesslog.filename = "{tmp}/lighttpd.log"
'''))
start(f"{VENV}/bin/uvicorn", "--host", "127.0.0.1", "--port", str(UVI), "--no-use-colors", "app:asgi", stdout=open(f"{tmp}/uvicorn.raw", "wb"))
start(f"{VENV}/bin/hypercorn", "-b", f"127.0.0.1:{HYPER}", "--access-logfile", f"{tmp}/hypercorn.log", "app:asgi")
start(f"{VENV}/bin/python", "app.py", str(FLASK), stderr=open(f"{tmp}/werkzeug.log", "wb"))
start("python3", "-m", "http.server", str(PLAIN), "--bind", "127.0.0.1", "-d", f"{tmp}/www", stderr=open(f"{tmp}/http-server.log", "wb"))
time.sleep(6)

AGENT = 'probe/1.0 (x; "quoted" \\ back) [b]'
ASKS = [("GET", "/hello?name=A%20B&q=%E4%B8%AD", {}), ("GET", "/", {"Authorization": "Basic " + base64.b64encode(b"li.bo:pw").decode()}),
        ("POST", "/items", {}), ("GET", "/missing", {}), ("GET", "/fail", {}), ("HEAD", "/hello", {}), ("GET", "/slow", {}),
        ("GET", "/hello", {"Referer": "http://ref.example/x?y=1"})]


def ask(server, port, host, method, target, headers, agent=AGENT, source=None, through=None):
    c = http.client.HTTPConnection(host, port, timeout=10, source_address=(source, 0) if source else None)
    c.connect()
    mine = c.sock.getsockname()[1]
    t0 = time.time()
    body = b"hello world" if method == "POST" else None
    c.request(method, through or target, body, {"User-Agent": agent, **headers})
    r = c.getresponse()
    data = r.read()
    t1 = time.time()
    c.close()
    user = "li.bo" if "Authorization" in headers else None
    return {"method": method, "target": through or target, "status": r.status, "user": user, "agent": agent, "t0": t0, "t1": t1,
            "port": mine, "referer": headers.get("Referer"), "len": len(data)}


def series(server, port, host="127.0.0.1", agent=AGENT, through=""):
    rows = []
    for method, target, headers in ASKS:
        if method == "HEAD" and server == "werkzeug":
            continue
        try:
            rows.append(ask(server, port, host, method, target, headers, agent, through=through + target if through else None))
        except Exception as e:
            print(server, method, target, e)
        time.sleep(0.05)
    with open(f"{OUT}/{server}.jsonl", "w") as f:
        for r in rows:
            f.write(json.dumps(r) + "\n")


series("nginx", NGINX)
for other in ["nginx-main", "nginx-timed", "nginx-json", "nginx-syslog"]:
    shutil.copy(f"{OUT}/nginx.jsonl", f"{OUT}/{other}.jsonl")
series("gunicorn", GUNI, "127.0.0.2")
series("gunicorn-own", GUNI, "127.0.0.3")
series("apache", APACHE)
for other in ["apache-own", "apache-common"]:
    shutil.copy(f"{OUT}/apache.jsonl", f"{OUT}/{other}.jsonl")
series("haproxy", HAP)
series("caddy", CADDY)
series("squid", SQUID, through=f"http://127.0.0.2:{GUNI}")
series("lighttpd", LIGHT)
series("uvicorn", UVI)
series("hypercorn", HYPER)
series("werkzeug", FLASK)
series("http-server", PLAIN)
time.sleep(1)
# what was asked of one server alone: others handed theirs on to it
for name in os.listdir(tmp):
    if name.endswith(".log") and name not in ("nginx-busy.log", "gunicorn-busy.log"):
        lines = open(f"{tmp}/{name}", "rb").read().splitlines(keepends=True)
        first = {"gunicorn.log": 8}.get(name)
        open(f"{OUT}/{name}", "wb").writelines(lines[:first])

# the joins: eight clients, many equal requests, some slow, all at once
dump = subprocess.Popen(["tcpdump", "-i", "lo", "-U", "-s", "0", "-w", f"{tmp}/busy.pcap", f"tcp port {NGINX} or (tcp port {GUNI} and host 127.0.0.1)"],
                        stderr=subprocess.DEVNULL)
children.append(dump)
open(f"{tmp}/gunicorn-busy.log", "w").close()
time.sleep(6)
open(f"{tmp}/nginx-busy.log", "w").close()
rng = random.Random(7)


def client(n):
    r = random.Random(n)
    source = f"127.0.0.{11 + n % 4}"
    c = http.client.HTTPConnection("127.0.0.1", NGINX, timeout=20, source_address=(source, 0))
    for i in range(60):
        kind = r.random()
        if kind < 0.45:
            method, target = "GET", "/poll"
        elif kind < 0.6:
            method, target = "GET", "/orders?page=1"
        elif kind < 0.85:
            method, target = "GET", f"/customers/{r.randrange(100000)}"
        elif kind < 0.9:
            method, target = "POST", "/items"
        elif kind < 0.93:
            method, target = "GET", "/missing"
        elif kind < 0.96:
            method, target = "GET", "/fail"
        else:
            method, target = "GET", "/slow/er"
        body = b"x" * r.randrange(40) if method == "POST" else None
        c.request(method, target, body, {"User-Agent": f"client-{n}", "X-Request-Id": f"id{n:02}-{i:04}-busy"})
        c.getresponse().read()
        time.sleep(r.choice([0, 0, 0.02, 0.2, 0.5]))
    c.close()


threads = [threading.Thread(target=client, args=(n,)) for n in range(8)]
[t.start() for t in threads]
[t.join() for t in threads]
time.sleep(7)
dump.send_signal(signal.SIGINT)
dump.wait()
for p in children:
    p.terminate()
time.sleep(2)
for p in children:
    p.kill() if p.poll() is None else None
# Uvicorn's lines as a container's runtime keeps them: it writes no time of its own
rows = [json.loads(l) for l in open(f"{OUT}/uvicorn.jsonl")]
lines = [l for l in open(f"{tmp}/uvicorn.raw", errors="replace").read().splitlines() if '"' in l]
with open(f"{tmp}/uvicorn.log", "w") as f:
    for line, row in zip(lines, rows):
        at = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(row["t1"])) + f"{row['t1'] % 1:.9f}"[1:] + "Z"
        f.write(f"{at} stdout F {line}\n")
shutil.copy(f"{tmp}/uvicorn.log", f"{OUT}/uvicorn.log")
for name in sorted(os.listdir(tmp)):
    if name in ("nginx-busy.log", "gunicorn-busy.log") or name in ("nginx-formats.conf", "apache-formats.conf"):
        shutil.copy(f"{tmp}/{name}", f"{OUT}/{name}")
with open(f"{tmp}/busy.pcap", "rb") as f, open(f"{OUT}/busy.pcap.gz", "wb") as g:
    g.write(gzip.compress(f.read(), 9, mtime=0))
shutil.rmtree(tmp)
