#!/usr/bin/env python3
"""crm (10.20.1.12:8000): business rules between the portal and the store; starts exports."""
import json

from common import PEOPLE, Service, call, forwarded, serve

STORE, VAULT, EXPORTS = ("10.20.1.13", 4000), ("10.20.1.14", 8200), ("10.20.1.15", 5000)
ME = "10.20.1.12"
ORDERS = {f"SO2026{n:08}": cid for n, cid in enumerate(list(PEOPLE) * 2)}


def customer(h, parts, query, body):
    if len(parts) == 2:
        status, row = call(ME, STORE, "GET", f"/customers/{parts[1]}", headers=forwarded(h))
        return h.reply(status, row, [row["id"]] if status == 200 else [])
    if len(parts) == 3 and parts[2] == "cards":
        status, row = call(ME, VAULT, "GET", f"/cards/{parts[1]}", headers=forwarded(h))
        return h.reply(status, {"cards": [row]} if status == 200 else row, [int(parts[1])] if status == 200 else [])
    suffix = f"?page={query.get('page', '1')}&size={query.get('size', '20')}"
    status, rows = call(ME, STORE, "GET", "/customers" + suffix, headers=forwarded(h))
    h.reply(status, rows, [r["id"] for r in rows["items"]])


def search(h, parts, query, body):
    want = json.loads(body)
    hits = [p["id"] for p in PEOPLE.values() if p["mobile"] == want.get("mobile")]
    if not hits:
        return h.reply(200, {"items": []})
    status, rows = call(ME, STORE, "GET", f"/customers?ids={','.join(map(str, hits))}", headers=forwarded(h))
    h.reply(status, rows, hits)


def order(h, parts, query, body):
    cid = ORDERS.get(parts[1])
    if cid is None:
        return h.reply(404, {"error": "unknown order"})
    p = PEOPLE[cid]
    h.reply(200, {"orderNo": parts[1], "serial": f"20260{cid % 9 + 1}12{cid:010}", "state": "paid", "amount": cid % 977 + 0.5,
                  "receiver": {"name": p["name"][0] + "**", "mobile": p["mobile"][:3] + "****" + p["mobile"][-4:]}})


def export(h, parts, query, body):
    status, job = call(ME, EXPORTS, "POST", "/jobs", body, {"Content-Type": "application/json", **forwarded(h)})
    h.reply(status, job)


class Crm(Service):
    name = "crm"
    routes = {("GET", "customers"): customer, ("POST", "search"): search, ("GET", "orders"): order, ("POST", "exports"): export}


serve(Crm, ME, 8000)
