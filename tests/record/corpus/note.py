"""What a Python server of the corpus writes while it answers: one line a call (peer, number, route, sensitive values as it puts them
into the answer). The number goes to the gateway in a header that the gateway hides from clients: so the gateway's own notes tell
which call behind belongs to which in front, and nothing of it is seen on both sides."""
import itertools, json, os, threading, time

OUT = os.environ["CORPUS_OUT"]
W = json.load(open(f"{OUT}/world.json"))
SVC = os.environ["CORPUS_SVC"]
ADDR, PORT = os.environ["CORPUS_ADDR"].split(":")
_lock, _count = threading.Lock(), itertools.count(1)
_file = open(f"{OUT}/truth.{SVC}", "a")
_log = open(f"{OUT}/{SVC}.log", "a") if SVC in W["skew"] else None
PEOPLE, BY_SNOW = W["people"], {p["snow"]: p for p in W["people"]}
USERS = {u["login"]: u for u in W["users"]}


class Note:
    def __init__(self, peer, method, uri, rid=None):
        self.peer, self.method, self.uri, self.rid = [peer[0], int(peer[1])], method, uri, rid
        self.served, self.finds, self.begin, self.route = f"{SVC}-{next(_count)}", [], time.time(), None

    def __call__(self, cls, value, masked=False):
        self.finds.append([cls, value, masked])
        return value

    def done(self, route, status, size=0, ua="-"):
        line = {"svc": SVC, "served": self.served, "peer": self.peer, "method": self.method, "uri": self.uri, "begin": self.begin,
                "route": self.route or route, "status": status, "finds": self.finds}
        with _lock:
            _file.write(json.dumps(line, ensure_ascii=False) + "\n")
            _file.flush()
            if _log:
                now = time.time() + W["skew"][SVC]
                if SVC == "shop":
                    _log.write(json.dumps({"ts": time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now)) + f".{int(now % 1 * 1000):03}Z", "level": "info", "remote_addr": self.peer[0],
                                           "method": self.method, "uri": self.uri, "status": status, "duration_ms": round((time.time() - self.begin) * 1000, 3), "request_id": self.rid}) + "\n")
                else:
                    _log.write(f'{self.peer[0]} - - [{time.strftime("%d/%b/%Y:%H:%M:%S +0000", time.gmtime(now))}] "{self.method} {self.uri} HTTP/1.1" {status} {size} "-" "{ua}"\n')
                _log.flush()


def mask(s, head, tail):
    return s[:head] + "*" * (len(s) - head - tail) + s[len(s) - tail:]
