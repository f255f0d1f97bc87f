#!/usr/bin/env python3
"""vault (10.20.1.14:8200): holds identity numbers and cards; the end of the chain."""
from common import PEOPLE, Service, serve


def identities(h, parts, query, body):
    ids = [int(i) for i in query.get("ids", "").split(",") if i]
    rows = [{"customerId": i, "idCard": PEOPLE[i]["idCard"], "mobile": PEOPLE[i]["mobile"]} for i in ids if i in PEOPLE]
    h.reply(200, {"identities": rows}, [r["customerId"] for r in rows])


def cards(h, parts, query, body):
    p = PEOPLE.get(int(parts[1]))
    if not p:
        return h.reply(404, {"error": "unknown"})
    h.reply(200, {"customerId": p["id"], "holder": p["name"], "bankCard": p["card"]}, [p["id"]])


class Vault(Service):
    name = "vault"
    routes = {("GET", "identities"): identities, ("GET", "cards"): cards}


serve(Vault, "10.20.1.14", 8200)
