"""legacy (Tornado): XML logins, SOAP, a dispatcher in the query, JSON-RPC; every failure answers 200."""
import asyncio, re, secrets
import json
from tornado.web import Application, RequestHandler
from note import *

L, LIVE = W["legacy"], {}
field = lambda body, name: (re.search(f"<{name}>([^<]*)</{name}>", body) or [None, None])[1]


class Base(RequestHandler):
    route = None

    def prepare(self):
        q = self.request
        self.note = Note(q.connection.context.address, q.method, q.uri)
        self.set_header("X-Served", self.note.served)
        self.size = 0

    def xml(self, text):
        self.set_header("Content-Type", "text/xml; charset=utf-8")
        body = ('<?xml version="1.0" encoding="utf-8"?>' + text).encode()
        self.size = len(body)
        self.write(body)

    def js(self, v):
        self.set_header("Content-Type", "application/json")
        body = json.dumps(v, ensure_ascii=False).encode()
        self.size = len(body)
        self.write(body)

    def on_finish(self):
        self.note.done(self.route, self.get_status(), self.size, self.request.headers.get("User-Agent", "-"))


class Login(Base):
    route = "/services/LoginServlet"

    def post(self):
        b = self.request.body.decode()
        u = USERS.get(field(b, L["user"]))
        if not u or u["password"] != field(b, L["pass"]):
            return self.xml("<Response><RetCode>9001</RetCode><RetMsg>口令错</RetMsg></Response>")
        t = secrets.token_hex(20).upper()
        LIVE[t] = u["login"]
        self.xml(f"<Response><RetCode>0000</RetCode><{L['ticket']}>{t}</{L['ticket']}></Response>")


class Soap(Base):
    def post(self):
        b = self.request.body.decode()
        op = re.search(r"<(?:\w+:)?Body>\s*<(?:\w+:)?(\w+)", b)[1]
        self.note.route = "/services/CustomerService#" + op
        if self.request.headers.get("X-" + L["ticket"]) not in LIVE:
            return self.xml("<soap:Envelope xmlns:soap='http://schemas.xmlsoap.org/soap/envelope/'><soap:Body><soap:Fault><faultstring>no session</faultstring></soap:Fault></soap:Body></soap:Envelope>")
        p, n = PEOPLE[int(field(b, "custNo")) % 320], self.note
        inner = {"QueryCustomer": lambda: f"<certNo>{n('cn-id', p['cn_id'])}</certNo><mobilePhone>{n('cn-mobile', p['mobile'])}</mobilePhone><serialNo>{p['snow']}</serialNo>",
                 "QueryAccount": lambda: f"<bankCardNo>{n('bank-card', p['bank'])}</bankCardNo><flowNo>{p['order']}</flowNo>",
                 "QueryState": lambda: "<state>A</state>"}[op]()
        self.xml(f"<soap:Envelope xmlns:soap='http://schemas.xmlsoap.org/soap/envelope/'><soap:Body><{op}Response>{inner}</{op}Response></soap:Body></soap:Envelope>")


class Dispatch(Base):
    def get(self):
        act = self.get_query_argument("action")
        self.note.route = "/servlet/main.do#" + act
        if self.request.headers.get("X-" + L["ticket"]) not in LIVE:
            return self.js({"ret": -1, "msg": "会话失效"})
        k, n = int(self.get_query_argument("no", "0")), self.note
        if act == "listUsers":
            return self.js({"ret": 0, "list": [{"no": p["n"], "tel": n("cn-mobile", mask(p["mobile"], 3, 4), True)} for p in PEOPLE[k:k + 5]]})
        if act == "getUser":
            return self.js({"ret": 0, "no": k, "xm": n("name", PEOPLE[k]["name"]), "sfzh": n("cn-id", PEOPLE[k]["cn_id"])})
        self.js({"ret": 0, "rows": [[i, 1700000000000 + i * 60007] for i in range(k, k + 4)]})


class Rpc(Base):
    def post(self):
        b = json.loads(self.request.body)
        self.note.route = "/rpc#" + b["method"]
        if self.request.headers.get("X-" + L["ticket"]) not in LIVE:
            return self.js({"jsonrpc": "2.0", "id": b["id"], "error": {"code": -32000, "message": "no session"}})
        self.js({"jsonrpc": "2.0", "id": b["id"], "result": {"ok": True, "stamp": 1700000000000 + b["id"]}})


async def main():
    Application([("/services/LoginServlet", Login), ("/services/CustomerService", Soap), ("/servlet/main.do", Dispatch), ("/rpc", Rpc)]).listen(int(PORT), ADDR)
    await asyncio.Event().wait()

asyncio.run(main())
