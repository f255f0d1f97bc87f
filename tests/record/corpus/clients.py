"""The clients of the corpus: people and programs, each on an address and connections of its own (some share an address, some a
browser), who log in, fail, work, log out and come again. Each call's line in OUT/truth.clients is written by its client: connection,
place on it, who acts (null: nobody, "?": either answer is right), by which kind of credential, what it sent that is sensitive.
usage: clients.py OUT"""
import base64, datetime, hashlib, hmac, http.client, json, random, re, sys, threading, time, urllib.parse as up, uuid

OUT = sys.argv[1]
W = json.load(open(f"{OUT}/world.json"))
PEOPLE, GATE = W["people"], ("10.60.0.2", 80)
_file, _lock = open(f"{OUT}/truth.clients", "a"), threading.Lock()
AGENTS = ["Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36", "Mozilla/5.0 (Macintosh; Intel Mac OS X 14_5) AppleWebKit/605.1.15 Safari/605.1.15",
          "Mozilla/5.0 (X11; Linux x86_64; rv:127.0) Gecko/20100101 Firefox/127.0", "okhttp/4.12.0", "python-requests/2.32.3"]
JSON, FORM = "application/json", "application/x-www-form-urlencoded"


class Client:
    def __init__(self, r, src, service, at=GATE):
        self.r, self.src, self.host, self.at, self.ua, self.conn, self.cookies = r, src, W["hosts"][service], at, r.choice(AGENTS), None, {}

    def __call__(self, method, path, who, kind, body=None, ctype=None, headers=(), finds=()):
        time.sleep(self.r.expovariate(1 / 0.06))
        h = {"Host": self.host, "User-Agent": self.ua, "Accept": "*/*"} | dict(headers)
        if body is not None:
            h["Content-Type"] = ctype
            body = body.encode() if isinstance(body, str) else body
        if self.cookies:
            h["Cookie"] = "; ".join(f"{k}={v}" for k, v in self.cookies.items())
        if self.conn is None or self.r.random() < 0.08:
            self.fresh()
        for _ in range(2):
            try:
                self.conn.request(method, path, body, h)
                a = self.conn.getresponse()
                break
            except (http.client.RemoteDisconnected, ConnectionError, BrokenPipeError):
                self.fresh()
        self.n += 1
        data = a.read()
        for c in a.headers.get_all("Set-Cookie", []):
            k, _, v = c.split(";")[0].partition("=")
            self.cookies[k] = v
            if "Max-Age=0" in c:
                self.cookies.pop(k)
        line = {"src": self.src, "sport": self.sport, "dst": self.at[0], "dport": self.at[1], "n": self.n, "host": self.host, "method": method, "uri": path, "status": a.status, "who": who, "kind": kind,
                "finds": [list(f) if len(f) == 3 else [*f, False] for f in finds]}
        with _lock:
            _file.write(json.dumps(line, ensure_ascii=False) + "\n")
        if a.headers.get("Connection") == "close":
            self.conn.close()
            self.conn = None
        return a, data

    def fresh(self):
        if self.conn:
            self.conn.close()
        self.conn = http.client.HTTPConnection(*self.at, source_address=(self.src, 0), timeout=30)
        self.conn.connect()
        self.sport, self.n = self.conn.sock.getsockname()[1], 0


q = lambda s: up.quote(str(s), safe="")
day = lambda r: (datetime.date(2023, 1, 1) + datetime.timedelta(days=r.randrange(900))).isoformat()
some = lambda r: r.choice(PEOPLE)


def shop(c, u, r):
    S = W["shop"]
    for _ in range(2):
        bad = {S["keys"][0]: u["login"], S["keys"][1]: "x" + u["password"][:-1]}
        if r.random() < 0.4:
            c("POST", S["login"], None, "failed-200", json.dumps(bad), JSON, finds=[("password", bad[S["keys"][1]])])
        _, d = c("POST", S["login"], u["login"], "bearer-json", json.dumps({S["keys"][0]: u["login"], S["keys"][1]: u["password"]}), JSON, finds=[("password", u["password"])])
        t = json.loads(d)["data"][S["token"]]
        h = [(S["header"], ("Bearer " if S["header"] == "Authorization" else "") + t)]
        k = lambda m, p, *a, **b: c(m, p, u["login"], "bearer-json", *a, headers=h, **b)
        for _ in range(r.randrange(18, 30)):
            p = some(r)
            [lambda: k("GET", f"/api/v1/customers?offset={r.randrange(0, 300, 10)}"), lambda: k("GET", f"/api/v1/customers/{p['snow']}"), lambda: k("GET", f"/api/v1/customers/{p['snow']}"),
             lambda: k("GET", f"/api/v2/customers/{p['snow']}"), lambda: k("GET", f"/api/v1/customers/{p['snow']}/orders/{p['order']}"), lambda: k("GET", "/api/v1/users/me"),
             lambda: k("GET", f"/api/v1/users/{r.choice(W['users'])['login']}"), lambda: k("GET", f"/api/v1/reports/{day(r)}"), lambda: k("GET", "/api/v1/reports/latest"),
             lambda: k("GET", f"/api/v1/customers/search?kw={p['mobile']}", finds=[("cn-mobile", p["mobile"])]), lambda: k("GET", f"/api/v1/export.csv?from={r.randrange(0, 280, 40)}"),
             lambda: k("POST", "/api/v1/customers", json.dumps({S["name_key"]: p["name"], S["id_key"]: p["cn_id"], S["mobile_key"]: p["mobile"]}, ensure_ascii=False), JSON,
                       finds=[("name", p["name"]), ("cn-id", p["cn_id"]), ("cn-mobile", p["mobile"])])][r.randrange(12)]()
        k("POST", S["logout"], "{}", JSON)
        if r.random() < 0.5:
            c("GET", "/api/v1/users/me", None, "after-logout", headers=h)


def multipart(fields):
    b = uuid.uuid4().hex
    return "".join(f'--{b}\r\nContent-Disposition: form-data; name="{k}"\r\n\r\n{v}\r\n' for k, v in fields.items()) + f"--{b}--\r\n", "multipart/form-data; boundary=" + b


def hr_session(c, u, r, kind, out):
    H = W["hr"]
    c("GET", "/hr" + H["login"], "?", "before-login")
    send = lambda pw: multipart({H["keys"][0]: u["login"], H["keys"][1]: pw, "remember": "on"}) if kind == "cookie-multipart" else (up.urlencode({H["keys"][0]: u["login"], H["keys"][1]: pw}), FORM)
    if r.random() < 0.3:
        c("POST", "/hr" + H["login"], None, "failed-200", *send("wrong" + u["password"][:3]), finds=[("password", "wrong" + u["password"][:3])])
    c("POST", "/hr" + H["login"], u["login"], kind, *send(u["password"]), finds=[("password", u["password"])])
    for _ in range(r.randrange(14, 26)):
        emp = f"E{10000 + r.randrange(320)}"
        file = r.choice(["front.png", "side.jpg", f"IMG_{r.randrange(10 ** 8)}.png", f"{uuid.uuid4()}.jpg", f"badge-{r.randrange(40)}.png"])
        c("GET", "/hr" + r.choice(["/staff/", f"/staff/?p={r.randrange(30)}", f"/staff/{emp}/profile", f"/staff/{emp}/profile", "/staff/me", f"/staff/{emp}/photo/{file}", f"/staff/{emp}/card",
                                   "/" + q("部门") + "/" + q(r.choice("财务部 人事部 研发中心 市场部 法务 采购部 仓储物流部 总经理办公室 信息科 客服中心".split()))]), u["login"], kind)
    if out:
        c("GET", "/hr" + H["logout"], u["login"], kind)


def hr(c, u, r, kind):
    for _ in range(2):
        hr_session(c, u, r, kind, True)


def kiosk(c, users, r, kind):
    for u in users:
        hr_session(c, u, r, kind, True)


def portal(c, u, r):
    P = W["portal"]
    for _ in range(2):
        if r.random() < 0.4:
            c("POST", P["login"], None, "failed-401", json.dumps({P["keys"][0]: u["login"], P["keys"][1]: "nope" + u["sub"][:5]}), JSON, finds=[("password", "nope" + u["sub"][:5])])
        _, d = c("POST", P["login"], u["login"], "jwt", json.dumps({P["keys"][0]: u["login"], P["keys"][1]: u["password"]}), JSON, finds=[("password", u["password"])])
        h = [("Authorization", "Bearer " + json.loads(d)[P["out"]])]
        for _ in range(r.randrange(22, 36)):
            who = r.choice(W["users"])["login"]
            c("GET", r.choice([
                "/users/me", f"/users/{who}", f"/users/{who}/settings", "/news/latest", "/news/" + r.choice(W["words"]), "/news/" + r.choice(W["words"]), f"/docs/v{r.randrange(1, 4)}.{r.randrange(6)}/{r.choice(['install', 'api', 'faq', 'limits'])}.md",
                "/commits/" + hashlib.sha1(str(r.random()).encode()).hexdigest()[:r.choice((7, 40))], f"/archive/{day(r)}", "/" + q("城市") + "/" + q(r.choice("北京 上海 深圳 杭州 成都 武汉 西安 南京 苏州 青岛".split())),
                "/fenlei/" + r.choice("shouji diannao jiadian nvzhuang tushu shipin yundong meizhuang".split()), "/fenlei/" + r.choice("shouji diannao jiadian nvzhuang tushu".split()) + "/shangpin",
                f"/api/people/{r.randrange(2000)}", f"/api/people?page={r.randrange(40)}"]), u["login"], "jwt", headers=h)


def code_flow(c, u, r):
    client = W["clients"][0]
    for _ in range(2):
        state, back = uuid.UUID(int=r.getrandbits(128)).hex, f"https://{W['hosts']['portal']}/cb"
        c("GET", f"/oauth2/authorize?client_id={client['id']}&response_type=code&redirect_uri={q(back)}&state={state}", "?", "before-login")
        form = lambda pw: up.urlencode({"username": u["login"], "password": pw, "redirect_uri": back, "state": state})
        if r.random() < 0.3:
            c("POST", "/oauth2/authorize", None, "failed-200", form("bad" + u["password"][:4]), FORM, finds=[("password", "bad" + u["password"][:4])])
        a, _ = c("POST", "/oauth2/authorize", u["login"], "oauth-code", form(u["password"]), FORM, finds=[("password", u["password"])])
        code = up.parse_qs(up.urlsplit(a.headers["Location"]).query)["code"][0]
        token = lambda kind, **f: json.loads(c("POST", "/oauth2/token", u["login"], kind, up.urlencode({"client_id": client["id"]} | f), FORM)[1])
        t = token("oauth-code", grant_type="authorization_code", code=code)
        work = lambda kind: [c("GET", r.choice(["/oauth2/userinfo", f"/res/accounts/{some(r)['iban']}", f"/res/accounts/{some(r)['iban']}", f"/res/batch/{r.getrandbits(64):016x}/rows"]), u["login"], kind, headers=[("Authorization", "Bearer " + t["access_token"])]) for _ in range(r.randrange(8, 14))]
        work("oauth-code")
        t = token("oauth-refresh", grant_type="refresh_token", refresh_token=t["refresh_token"])
        work("oauth-refresh")


def client_credentials(c, client, r):
    for _ in range(2):
        t = json.loads(c("POST", "/oauth2/token", client["id"], "oauth-client", up.urlencode({"grant_type": "client_credentials", "client_id": client["id"], "client_secret": client["secret"]}), FORM)[1])
        for _ in range(20):
            c("GET", r.choice([f"/res/batch/{r.getrandbits(64):016x}/rows", f"/res/accounts/{some(r)['iban']}"]), client["id"], "oauth-client", headers=[("Authorization", "Bearer " + t["access_token"])])


def charges(r):
    p = some(r)
    return r.choice([f"/v1/charges/ch_{p['snow']}", f"/v1/charges?offset={r.randrange(300)}", "/v2/charges", f"/v1/payouts/{p['iban']}", f"/v1/charges/ch_{p['snow']}"])


def pay_header(c, key, r):
    for _ in range(40):
        c("GET", charges(r), "key:" + key, "api-key-header", headers=[(W["pay"]["header"], key)])


def pay_query(c, key, r):
    for _ in range(40):
        p = charges(r)
        c("GET", p + ("&" if "?" in p else "?") + W["pay"]["query"] + "=" + key, "key:" + key, "api-key-query")


def pay_aws(c, key, r):
    mac = lambda k, s: hmac.new(k, s.encode(), hashlib.sha256).digest()
    for _ in range(40):
        now = datetime.datetime.utcnow()
        stamp, date = now.strftime("%Y%m%dT%H%M%SZ"), now.strftime("%Y%m%d")
        path = f"/buckets/exports-{r.choice(['cn', 'eu'])}/{r.choice(['daily', 'weekly'])}-{day(r)}.csv" if r.random() < 0.6 else f"/v1/payouts/{some(r)['iban']}"
        empty = hashlib.sha256(b"").hexdigest()
        canon = f"GET\n{path}\n\nhost:{c.host}\nx-amz-date:{stamp}\n\nhost;x-amz-date\n{empty}"
        scope = f"{date}/cn-north-1/s3/aws4_request"
        k = mac(mac(mac(mac(("AWS4" + key["secret"]).encode(), date), "cn-north-1"), "s3"), "aws4_request")
        sig = hmac.new(k, f"AWS4-HMAC-SHA256\n{stamp}\n{scope}\n{hashlib.sha256(canon.encode()).hexdigest()}".encode(), hashlib.sha256).hexdigest()
        a, _ = c("GET", path, key["id"], "aws-sigv4", headers=[("X-Amz-Date", stamp), ("Authorization", f"AWS4-HMAC-SHA256 Credential={key['id']}/{scope}, SignedHeaders=host;x-amz-date, Signature={sig}")])
        assert a.status == 200, "the server refused a signature"


def graph(c, u, r):
    G = W["graph"]
    for _ in range(2):
        ask = lambda op, text, v, who, h=(), finds=(): c("POST", "/graphql", who, "graphql", json.dumps({"operationName": op, "query": text, "variables": v}), JSON, headers=h, finds=finds)
        login = f"mutation DoLogin($name: String!, $password: String!) {{ {G['field']}(name: $name, password: $password) {{ {G['token']} }} }}"
        if r.random() < 0.4:
            ask("DoLogin", login, {"name": u["login"], "password": "no" + u["password"]}, None, finds=[("password", "no" + u["password"])])
        _, d = ask("DoLogin", login, {"name": u["login"], "password": u["password"]}, u["login"], finds=[("password", u["password"])])
        h = [("Authorization", "Bearer " + json.loads(d)["data"][G["field"]][G["token"]])]
        for _ in range(r.randrange(18, 28)):
            x = r.random()
            if x < 0.4:
                ask("Person", "query Person($id: Int!) { person(id: $id) { fullName mobile plateNo ref } }", {"id": r.randrange(320)}, u["login"], h)
            elif x < 0.6:
                ask("Orders", "query Orders($from: Int!) { orders(from: $from) { orderNo at } }", {"from": r.randrange(300)}, u["login"], h)
            elif x < 0.7:
                ask("Viewer", "query Viewer { viewer { username } }", {}, u["login"], h)
            else:
                c("POST", "/gateway.do", u["login"], "graphql", up.urlencode({G["dispatch"]: r.choice(["syncStock", "closeOrder", "pingShop"]), "no": r.randrange(10 ** 6)}), FORM, headers=h)


def legacy(c, u, r):
    L = W["legacy"]
    for _ in range(2):
        xml = lambda pw: f'<?xml version="1.0"?><Request><{L["user"]}>{u["login"]}</{L["user"]}><{L["pass"]}>{pw}</{L["pass"]}></Request>'
        if r.random() < 0.4:
            c("POST", "/services/LoginServlet", None, "failed-200", xml("cuo" + u["password"][:4]), "text/xml", finds=[("password", "cuo" + u["password"][:4])])
        _, d = c("POST", "/services/LoginServlet", u["login"], "bearer-xml", xml(u["password"]), "text/xml", finds=[("password", u["password"])])
        h = [("X-" + L["ticket"], re.search(f"<{L['ticket']}>(\\w+)<", d.decode())[1])]
        for i in range(r.randrange(18, 28)):
            x = r.random()
            if x < 0.4:
                op = r.choice(["QueryCustomer", "QueryAccount", "QueryState"])
                c("POST", "/services/CustomerService", u["login"], "bearer-xml", f'<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/"><soapenv:Body><{op}><custNo>{r.randrange(320)}</custNo></{op}></soapenv:Body></soapenv:Envelope>', "text/xml; charset=utf-8", headers=h + [("SOAPAction", f'"{op}"')])
            elif x < 0.8:
                c("GET", f"/servlet/main.do?action={r.choice(['listUsers', 'getUser', 'stat'])}&no={r.randrange(300)}", u["login"], "bearer-xml", headers=h)
            else:
                c("POST", "/rpc", u["login"], "bearer-xml", json.dumps({"jsonrpc": "2.0", "id": i, "method": r.choice(["ping", "stock.count"]), "params": {}}), JSON, headers=h)


def basic(c, u, r):
    auth = lambda pw: [("Authorization", "Basic " + base64.b64encode(f"{u['login']}:{pw}".encode()).decode())]
    c("GET", "/dav/reports/", None, "basic-challenge")
    c("GET", "/dav/reports/", None, "basic-failed", headers=auth("wrong"), finds=[("password", "wrong")])
    for _ in range(40):
        folder = r.choice(["reports", "contracts", "minutes"])
        file = r.choice([f"{r.choice(W['words'])}.docx", f"{q('季度报告')}-{r.randrange(2020, 2027)}Q{r.randrange(1, 5)}.pdf", f"scan_{r.randrange(10 ** 6):06}.tiff", f"{day(r)}.xlsx", ""])
        c("GET", f"/dav/{folder}/{file}", u["login"], "basic", headers=auth(u["password"]), finds=[("password", u["password"])])


def digest(c, u, r):
    md5, nonce = lambda s: hashlib.md5(s.encode()).hexdigest(), None
    for i in range(40):
        uri = r.choice([f"/vault/blobs/{hashlib.sha256(str(r.random()).encode()).hexdigest()}", f"/vault/contacts/{r.randrange(320)}.vcf", f"/vault/contacts/{r.randrange(320)}.vcf", "/vault/releases/latest",
                        f"/vault/releases/{r.randrange(1, 5)}.{r.randrange(12)}.{r.randrange(9)}"])
        if nonce is None:
            a, _ = c("GET", uri, None, "digest-challenge")
            nonce = re.search('nonce="(\\w+)"', a.headers["WWW-Authenticate"])[1]
        nc, cn = f"{i + 1:08x}", f"{r.getrandbits(64):016x}"
        resp = md5(f"{md5(u['login'] + ':vault:' + u['password'])}:{nonce}:{nc}:{cn}:auth:{md5('GET:' + uri)}")
        a, _ = c("GET", uri, u["login"], "digest", headers=[("Authorization", f'Digest username="{u["login"]}", realm="vault", nonce="{nonce}", uri="{uri}", qop=auth, nc={nc}, cnonce="{cn}", response="{resp}", algorithm=MD5')])
        assert a.status == 200, "the server refused a digest"


def desk_page(c, u, r):
    D, at = W["desk"], "/index.php?r="
    c("GET", at + "site/login", "?", "before-login")
    form = lambda pw: up.urlencode({f"{D['form']}[{D['user']}]": u["login"], f"{D['form']}[{D['pass']}]": pw, "yt0": "Login"})
    if r.random() < 0.5:
        c("POST", at + "site/login", None, "failed-200", form("no" + u["password"][:5]), FORM, finds=[("password", "no" + u["password"][:5])])
    c("POST", at + "site/login", u["login"], "kept-session", form(u["password"]), FORM, finds=[("password", u["password"])])
    for _ in range(r.randrange(14, 24)):
        c("GET", at + r.choice([f"user/view&id={r.randrange(900)}", "user/index", f"order/view&id={r.randrange(9000)}", "order/export", f"report/daily&date={day(r)}"]), u["login"], "kept-session")
    c("GET", at + "site/logout", u["login"], "kept-session")


def desk_api(c, u, r):
    who = f"{u['login']}@{W['co']}.example"
    enter = lambda pw: json.dumps({"mail": who, "password": pw})
    if r.random() < 0.5:
        c("POST", "/api/session", None, "failed-200", enter("no" + u["password"][:5]), JSON, finds=[("password", "no" + u["password"][:5]), ("email", who)])
    _, d = c("POST", "/api/session", who, "claim", enter(u["password"]), JSON, finds=[("password", u["password"]), ("email", who)])
    for again in range(2):
        h = [("X-Desk-Token", json.loads(d)["body"]["tkn"])]
        for _ in range(r.randrange(12, 20)):
            snow, other = some(r)["snow"], r.choice(W["users"])["login"]
            c("GET", r.choice(["/api/feed", f"/api/posts/{snow}", f"/api/posts/{snow}/replies", f"/docs/{r.choice(['v1', 'v2', 'latest', '3.1'])}/{r.choice('intro.html install.html changelog faq.html limits'.split())}",
                               f"/files/{r.choice('shared home archive'.split())}/{r.choice('plans budget photos'.split())}/{r.choice(['', '', 'old/'])}{r.choice('a q3 final draft'.split())}{r.randrange(30)}.{r.choice('pdf xlsx png'.split())}",
                               f"/v1/cars;color={r.choice(['red', 'blue'])};year={r.randrange(2010, 2025)}", f"/v1/cars/{r.randrange(1000, 9999)};view=full", f"/v1/cars/{r.randrange(1000, 9999)}/prices;currency=EUR",
                               "/hr/" + q("部门") + "/" + q(r.choice("财务部 人事部 研发中心 市场部 法务部 信息科".split())) + r.choice(["", "/" + q("员工")]), "/hr/" + q("公告") + "/" + q(r.choice("年会安排 放假安排 关于调薪的说明 新员工培训 食堂搬迁".split())),
                               f"/@{other}", f"/@{other}/follow"]), who, "claim", headers=h)
        if not again:
            _, d = c("PUT", "/api/session", who, "claim-refresh", "{}", JSON)


jobs, users = [], list(W["users"])
src = lambda n: f"10.60.5.{11 + n % 40}"


def job(f, service, who, n, *more, at=GATE):
    r = random.Random(W["seed"] * 1000 + n)

    def run():
        time.sleep(r.uniform(0, 3))
        f(Client(r, src(n), service, at), who, r, *more)
    jobs.append(run)


for i in range(10):
    job(shop, "shop", users[i], i % 8)  # some behind one address
for i in range(10, 16):
    job(hr, "hr", users[i], i, ["cookie-form", "cookie-multipart"][i % 2])
job(kiosk, "hr", users[16:19], 16, "cookie-form")
for i in range(19, 28):
    job(portal, "portal", users[i], i % 25)
for i in range(28, 34):
    job(code_flow, "auth", users[i], i)
for i in range(34, 40):
    job(graph, "graph", users[i], i)
for i in range(40, 46):
    job(legacy, "legacy", users[i], i - 5)
for i in range(46, 50):
    job(basic, "files", users[i], i)
for i in range(50, 54):
    job(digest, "files", users[i], i)
for i in range(54, 57):
    job(desk_page, "desk", users[i], i)
for i in range(57, 60):
    job(desk_api, "desk", users[i], i)
for i, k in enumerate(W["pay"]["keys"]):
    job(pay_header if i < 4 else pay_query, "pay", k["key"], 60 + i)
for i, k in enumerate(W["pay"]["aws"]):
    job(pay_aws, "pay", k, 70 + i, at=GATE if i else ("10.60.1.14", 5004))
for i, k in enumerate(W["clients"][1:]):
    job(client_credentials, "auth", k, 80 + i)

failed = []


def guarded(f):
    try:
        f()
    except Exception as e:
        failed.append(e)
        raise


threads = [threading.Thread(target=guarded, args=(j,)) for j in jobs]
[t.start() for t in threads]
[t.join() for t in threads]
_file.close()
sys.exit(f"{len(failed)} clients failed" if failed else 0)
