"""auth (FastAPI): OAuth with code, refresh and client credentials, OpenID userinfo, and what these tokens open."""
import secrets
import uvicorn
from fastapi import FastAPI, Form, Request
from fastapi.responses import JSONResponse, RedirectResponse
from note import *

app, CODES, ACCESS, REFRESH = FastAPI(openapi_url=None), {}, {}, {}
CLIENTS = {c["id"]: c["secret"] for c in W["clients"]}


@app.middleware("http")
async def noted(request: Request, call_next):
    s = request.scope
    uri = s["raw_path"].decode().split("?")[0] + ("?" + s["query_string"].decode() if s["query_string"] else "")
    request.state.note = n = Note(s["client"], request.method, uri)
    request.state.who = ACCESS.get(request.headers.get("authorization", "").removeprefix("Bearer "))
    a = await call_next(request)
    a.headers["X-Served"] = n.served
    route = s.get("route")
    n.done(route.path if route else None, a.status_code)
    return a


@app.get("/oauth2/authorize")
def page(client_id: str, state: str):
    return {"login_required": True, "client": client_id}


@app.post("/oauth2/authorize")
def authorize(request: Request, username: str = Form(), password: str = Form(), redirect_uri: str = Form(), state: str = Form()):
    u = USERS.get(username)
    if not u or u["password"] != password:
        return {"error": "access_denied", "error_description": "wrong user or password"}
    code = secrets.token_urlsafe(18)
    CODES[code] = username
    return RedirectResponse(f"{redirect_uri}?code={code}&state={state}", 302)


def issue(who, refresh=True):
    t = secrets.token_urlsafe(30)
    ACCESS[t] = who
    out = {"access_token": t, "token_type": "Bearer", "expires_in": 3600}
    if refresh:
        out["refresh_token"] = f = secrets.token_urlsafe(30)
        REFRESH[f] = who
    return out


@app.post("/oauth2/token")
def token(grant_type: str = Form(), code: str = Form(""), refresh_token: str = Form(""), client_id: str = Form(""), client_secret: str = Form("")):
    if grant_type == "authorization_code" and code in CODES:
        return issue(CODES.pop(code))
    if grant_type == "refresh_token" and refresh_token in REFRESH:
        return issue(REFRESH.pop(refresh_token))
    if grant_type == "client_credentials" and CLIENTS.get(client_id) == client_secret:
        return issue(client_id, False)
    return JSONResponse({"error": "invalid_grant"}, 400)


@app.get("/oauth2/userinfo")
def userinfo(request: Request):
    u = USERS.get(request.state.who)
    return {"sub": u["sub"], "preferred_username": u["login"]} if u else JSONResponse({"error": "invalid_token"}, 401)


@app.get("/res/accounts/{iban}")
def account(request: Request, iban: str):
    p = next((p for p in PEOPLE if p["iban"] == iban), None)
    if not request.state.who or not p:
        return JSONResponse({"error": "invalid_token"}, 401)
    n = request.state.note
    n("iban", iban)  # in its own address
    return {"iban": n("iban", iban), "holder": {"fullName": n("name", p["name"]), "email": n("email", p["email"])}, "balance_cents": p["n"] * 977}


@app.get("/res/batch/{job}/rows")
def rows(request: Request, job: str):
    if not request.state.who:
        return JSONResponse({"error": "invalid_token"}, 401)
    n, k = request.state.note, int(job, 16) % 300
    return {"job": job, "rows": [{"seq": p["snow"], "email": n("email", p["email"]), "birthDate": n("birth-date", p["birth"])} for p in PEOPLE[k:k + 6]]}


uvicorn.run(app, host=ADDR, port=int(PORT), log_level="warning", proxy_headers=False)
