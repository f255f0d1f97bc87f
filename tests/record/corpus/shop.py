"""shop (Flask): JSON logins for opaque tokens, failures that answer 200; customers come from the store behind it, which is told the
caller in a header. Versions, dates, `me` beside names, order numbers and snowflakes beside what is sensitive."""
import http.client, json, os, secrets, time
from flask import Flask, Response, g, request
from werkzeug.serving import WSGIRequestHandler, run_simple
from note import *

app, S, LIVE = Flask(__name__), W["shop"], {}
STORE = os.environ["CORPUS_STORE"]


def store(path):
    c = http.client.HTTPConnection(*STORE.split(":"), source_address=(ADDR, 0))
    h = {W["front_header"]: g.who, "User-Agent": "shop/2.3"}
    if request.headers.get("X-Request-Id"):
        h["X-Request-Id"] = request.headers["X-Request-Id"]
    c.request("GET", path, headers=h)
    a = c.getresponse()
    body = a.read()
    with open(f"{OUT}/truth.calls", "a") as f:
        f.write(json.dumps({"outer": g.note.served, "inner": a.headers["X-Served"]}) + "\n")
    c.close()
    return json.loads(body)


@app.before_request
def before():
    e = request.environ
    g.note = Note((e["REMOTE_ADDR"], e["REMOTE_PORT"]), request.method, e["REQUEST_URI"], request.headers.get("X-Request-Id"))
    t = request.headers.get(S["header"], "").removeprefix("Bearer ")
    g.who = LIVE.get(t)
    g.token = t
    if g.who is None and request.path != S["login"]:
        return {"code": 40101, "msg": "请先登录"}, 401


@app.after_request
def after(a):
    a.headers["X-Served"] = g.note.served
    a.direct_passthrough = False
    g.note.done(request.url_rule.rule if request.url_rule else None, a.status_code, len(a.get_data()))
    return a


@app.post(S["login"])
def login():
    b = request.get_json()
    u = USERS.get(b.get(S["keys"][0]))
    if not u or u["password"] != b.get(S["keys"][1]):
        return {"code": 10021, "msg": "用户名或密码错误", "data": None, "traceId": secrets.token_hex(16)}
    t = secrets.token_urlsafe(24)
    LIVE[t] = u["login"]
    return {"code": 0, "data": {S["token"]: t, "expires": 7200, "menu": ["customers", "orders"]}}


@app.route(S["logout"], methods=["POST"])
def logout():
    LIVE.pop(g.token, None)
    return {"code": 0}


def clear(p):
    n = g.note
    return {"id": p["snow"], S["name_key"]: n("name", p["name"]), S["id_key"]: n("cn-id", p["cn_id"]), S["mobile_key"]: n("cn-mobile", p["mobile"]),
            "orderNo": p["order"], "createTime": int(time.time() * 1000) - p["n"] * 86400000, "serial": str(int(p["snow"]) // 7)[:18]}


def veiled(p):
    n = g.note
    return {"id": p["snow"], S["name_key"]: n("name", p["name"][0] + "*" * (len(p["name"]) - 1), True), S["id_key"]: n("cn-id", mask(p["cn_id"], 6, 4), True),
            S["mobile_key"]: n("cn-mobile", mask(p["mobile"], 3, 4), True), "bankCard": n("bank-card", "*" * 12 + p["bank"][-4:], True), "orderNo": p["order"]}


@app.get("/api/v1/customers")
def customers():
    return {"code": 0, "total": 320, "rows": [clear(p) for p in store(f"/internal/people?offset={request.args.get('offset', 0)}&n=10")["list"]]}


@app.get("/api/v1/customers/search")
def search():
    kw = request.args.get("kw", "")
    return {"code": 0, "rows": [clear(p) for p in PEOPLE if p["mobile"] == kw or p["name"] == kw]}


@app.get("/api/v1/customers/<cid>")
def customer(cid):
    p = store(f"/internal/people/{cid}")
    return {"code": 0, "data": clear(p) | {"email": g.note("email", p["email"]), "address": g.note("address", p["address"]), "bankCard": g.note("bank-card", p["bank"])}}


@app.get("/api/v2/customers/<cid>")
def customer2(cid):
    return {"code": 0, "data": veiled(BY_SNOW[cid])}


@app.get("/api/v1/customers/<cid>/orders/<no>")
def order(cid, no):
    return {"code": 0, "data": {"orderNo": no, "amount": len(no) * 13.5, "payTime": int(time.time() * 1000), "logistics": "SF" + str(int(cid) // 13)[:12]}}


@app.post("/api/v1/customers")
def create():
    return {"code": 0, "id": PEOPLE[len(request.get_json()) % 9]["snow"]}


@app.get("/api/v1/users/me")
def me():
    return {"code": 0, "data": {"login": g.who, "uid": USERS[g.who]["uid"]}}


@app.get("/api/v1/users/<login>")
def user(login):
    return {"code": 0, "data": {"login": login, "uid": USERS[login]["uid"], "state": "on"}}


@app.get("/api/v1/reports/latest")
@app.get("/api/v1/reports/<day>")
def report(day="latest"):
    return {"code": 0, "day": day, "orders": 1731, "refunds": 12}


@app.get("/api/v1/export.csv")
def export():
    k = int(request.args.get("from", 0))
    rows = [f"{S['name_key']},{S['id_key']},{S['mobile_key']},orderNo,ts"]
    for p in PEOPLE[k:k + 40]:
        rows.append(",".join([g.note("name", p["name"]), g.note("cn-id", p["cn_id"]), g.note("cn-mobile", p["mobile"]), p["order"], str(1690000000000 + p["n"] * 86399)]))
    return Response("\n".join(rows) + "\n", content_type="text/csv; charset=utf-8")


WSGIRequestHandler.protocol_version = "HTTP/1.1"
run_simple(ADDR, int(PORT), app, threaded=True)
