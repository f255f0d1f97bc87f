"""desk (http.server): one address that does everything by its query (`index.php?r=site/login`) on a session from before the login;
a JSON API whose token names its owner under a claim of no standard, renewed by a cookie of any name; texts by version, files in
folders of any depth, matrix parameters, announcements and departments in Chinese."""
import base64, http.server, json, re, secrets, urllib.parse as up
from note import *

D, LIVE, KEPT = W["desk"], {}, {}
MAILS = {f"{u['login']}@{W['co']}.example": u for u in W["users"]}
part = lambda v: base64.urlsafe_b64encode(json.dumps(v).encode()).decode().rstrip("=")
ROUTES = ["/api/session", "/api/feed", "/api/posts/{id}", "/api/posts/{id}/replies", "/docs/{version}/{page}", "/files/{path}", "/v1/cars", "/v1/cars/{id}", "/v1/cars/{id}/prices", "/hr/部门/{name}", "/hr/部门/{name}/员工", "/hr/公告/{title}", "/@{name}", "/@{name}/follow"]
ROUTES = [(r, re.compile(re.sub(r"\\\{path\\\}", "(.+)", re.sub(r"\\\{(?!path)\w+\\\}", "([^/]+)", re.escape(r))) + "$")) for r in ROUTES]


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def answer(self):
        n, url = Note(self.client_address, self.command, self.path), up.urlsplit(self.path)
        self.q, body, self.more, self.status = dict(up.parse_qsl(url.query)), self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode(), [], 200
        self.jar = dict(re.findall(r"([^;=\s]+)=([^;]*)", self.headers.get("Cookie") or ""))
        path = "/".join(s.split(";")[0] for s in up.unquote(url.path).split("/"))
        if path == "/index.php":
            route = "/index.php?r=" + self.q["r"]
            out, kind = self.page(self.q["r"], dict(up.parse_qsl(body)), n), "text/html; charset=utf-8"
        else:
            route = next((r for r, x in ROUTES if x.match(path)), None)
            out, kind = json.dumps(self.api(path, route, body, n), ensure_ascii=False), "application/json"
        data = out.encode()
        self.send_response(self.status)
        for k, v in [*self.more, ("X-Served", n.served), ("Content-Type", kind), ("Content-Length", str(len(data)))]:
            self.send_header(k, v)
        self.end_headers()
        self.wfile.write(data)
        n.done(route, self.status, len(data))

    do_GET = do_POST = do_PUT = answer

    def to(self, where):
        self.status = 302
        self.more.append(("Location", "/index.php?r=" + where))
        return ""

    def page(self, what, form, n):
        sid = self.jar.get("PHPSESSID")
        if not sid:
            sid = secrets.token_hex(13)
            self.more.append(("Set-Cookie", f"PHPSESSID={sid}; path=/"))
        if what == "site/login":
            u = USERS.get(form.get(f"{D['form']}[{D['user']}]"))
            if u and u["password"] == form.get(f"{D['form']}[{D['pass']}]"):
                LIVE[sid] = u
                return self.to("site/index")
            return ("<p>Incorrect username or password.</p>" if form else "") + "<form method=post><input type=password></form>"
        if what == "site/logout" or sid not in LIVE:
            LIVE.pop(sid, None)
            return self.to("site/login")
        return f"<h1>{what}</h1><table><tr><td>{self.q.get('id', '')}</td></tr></table>"

    def api(self, path, route, body, n):
        if route == "/api/session":
            given = json.loads(body)
            u = KEPT.pop(self.jar.get(D["cookie"]), None) if self.command == "PUT" else MAILS.get(given.get("mail"))
            if not u or self.command == "POST" and u["password"] != given.get("password"):
                return {"state": 17, "hint": "没有进入", "body": None}
            kept = secrets.token_urlsafe(18)
            KEPT[kept] = u
            self.more.append(("Set-Cookie", f"{D['cookie']}={kept}; path=/; httponly"))
            t = ".".join([part({"alg": "HS256", "typ": "JWT"}), part({D["claim"]: f"{u['login']}@{W['co']}.example", "jti": secrets.token_hex(6)}), secrets.token_urlsafe(32)])
            LIVE[t] = u
            return {"state": 0, "body": {"tkn": t}}
        if self.headers.get("X-Desk-Token") not in LIVE:
            self.status = 401
            return {"state": 18}
        last = path.rsplit("/", 1)[-1]
        return {"/api/feed": {"items": [{"id": BY} for BY in list(BY_SNOW)[:5]]}, "/api/posts/{id}": {"id": last, "text": "ok", "likes": 3}, "/api/posts/{id}/replies": {"replies": [1, 2]}, "/v1/cars": {"cars": []},
                "/v1/cars/{id}": {"id": last, "seats": 5}, "/v1/cars/{id}/prices": {"price": 9}}.get(route, {"title": "t", "size": 4})


http.server.ThreadingHTTPServer((ADDR, int(PORT)), Handler).serve_forever()
