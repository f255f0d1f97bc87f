#!/usr/bin/env python3
"""Two servers outside: the partner's inbox (203.0.113.40) and a file drop that nobody approved (at $DROP)."""
import os
import threading

from common import Service, serve


def take(h, parts, query, body):
    h.reply(201, {"stored": len(body)})


class Partner(Service):
    name = "partner"
    routes = {("PUT", "inbox"): take}


class Drop(Service):
    name = "drop"
    routes = {("PUT", "up"): take, ("POST", "note"): take}


threading.Thread(target=serve, args=(Partner, "203.0.113.40", 8080), daemon=True).start()
serve(Drop, os.environ["DROP"], 80)
