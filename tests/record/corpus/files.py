"""files (aiohttp): Basic below /dav, Digest below /vault; file names, hashes, versions, a WebDAV-like tree."""
import base64, hashlib, re, secrets
from aiohttp import web
from note import *

NONCES = set()
md5 = lambda s: hashlib.md5(s.encode()).hexdigest()


@web.middleware
async def noted(q, handler):
    n = q["note"] = Note(q.transport.get_extra_info("peername"), q.method, q.raw_path)
    a = allowed(q) or await handler(q)
    a.headers["X-Served"] = n.served
    n.done(q.match_info.route.resource.canonical if q.match_info.route.resource else None, a.status)
    return a


def allowed(q):
    h = q.headers.get("Authorization", "")
    if q.path.startswith("/dav/"):
        if h.startswith("Basic "):
            u, _, p = base64.b64decode(h[6:]).decode().partition(":")
            if u in USERS and USERS[u]["password"] == p:
                return None
        return web.Response(status=401, headers={"WWW-Authenticate": 'Basic realm="dav"'})
    if h.startswith("Digest "):
        f = dict(re.findall(r'(\w+)="?([^",]+)"?', h))
        u = USERS.get(f.get("username"))
        if u and f.get("nonce") in NONCES:
            a1, a2 = md5(f"{u['login']}:vault:{u['password']}"), md5(f"{q.method}:{f['uri']}")
            if md5(f"{a1}:{f['nonce']}:{f['nc']}:{f['cnonce']}:auth:{a2}") == f["response"]:
                return None
    n = secrets.token_hex(16)
    NONCES.add(n)
    return web.Response(status=401, headers={"WWW-Authenticate": f'Digest realm="vault", qop="auth", nonce="{n}", algorithm=MD5'})


async def doc(q):
    return web.Response(text=f"report {q.match_info['file']}\nversion 3, 12 pages\n")


async def listing(q):
    return web.json_response({"folder": q.match_info["folder"], "files": [f"{w}.docx" for w in W["words"][:5]]})


async def blob(q):
    return web.Response(body=q.match_info["sha"].encode() * 4, content_type="application/octet-stream")


async def contact(q):
    n, p = q["note"], PEOPLE[int(q.match_info["no"])]
    return web.Response(text=f"BEGIN:VCARD\r\nVERSION:3.0\r\nFN:{n('name', p['name'])}\r\nTEL:{n('cn-mobile', p['mobile'])}\r\nEMAIL:{n('email', p['email'])}\r\nEND:VCARD\r\n", content_type="text/vcard")


async def release(q):
    return web.json_response({"version": q.match_info.get("version", "latest"), "files": 3})


app = web.Application(middlewares=[noted])
app.add_routes([web.get("/dav/{folder}/{file}", doc), web.get("/dav/{folder}/", listing), web.get("/vault/blobs/{sha}", blob), web.get("/vault/contacts/{no}.vcf", contact),
                web.get("/vault/releases/latest", release), web.get("/vault/releases/{version}", release)])
web.run_app(app, host=ADDR, port=int(PORT), print=None, access_log=None)
