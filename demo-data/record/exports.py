#!/usr/bin/env python3
"""exports (10.20.1.15:5000): builds CSV files and delivers them to the partner outside."""
import csv
import io
import json

from common import PEOPLE, Service, call, forwarded, serve, truth

ME = "10.20.1.15"
PARTNER = ("203.0.113.40", 8080)


def job(h, parts, query, body):
    want = json.loads(body)
    rows = [PEOPLE[i] for i in want["ids"] if i in PEOPLE]
    text = io.StringIO()
    w = csv.writer(text)
    w.writerow(["customer_id", "name", "mobile", "address"])
    w.writerows([p["id"], p["name"], p["mobile"], p["address"]] for p in rows)
    data = text.getvalue().encode()
    path = f"/inbox/{want['name']}.csv"
    status, _ = call(ME, PARTNER, "PUT", path, data, {"Content-Type": "text/csv; charset=utf-8", "Host": "partner.example", "X-Api-Key": "pk_live_demo_5f0c61e2b7a94d18", **forwarded(h)})
    truth("exports", side="client", method="PUT", host="partner.example", uri=path, status=status, user=h.headers.get("X-Forwarded-User"), customers=[p["id"] for p in rows])
    h.reply(201, {"job": want["name"], "rows": len(rows), "delivered": status})


class Exports(Service):
    name = "exports"
    routes = {("POST", "jobs"): job}


serve(Exports, ME, 5000)
