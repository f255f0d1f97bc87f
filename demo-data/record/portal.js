// portal (10.20.1.11:3000, Node): logins, sessions, masking for lists; asks the crm for everything else.
const http = require("http");
const fs = require("fs");
const crypto = require("crypto");
const agent = new http.Agent({ keepAlive: true, maxSockets: 16 });
const passwords = JSON.parse(fs.readFileSync(process.env.LOGINS)); // {name: {password, via}}
const sessions = new Map(), tokens = new Map();
const truth = (row) => fs.appendFileSync(`${process.env.TRUTH}/portal.jsonl`, JSON.stringify({ who: "portal", ts: Date.now() * 1e6, ...row }) + "\n");
const b64 = (o) => Buffer.from(JSON.stringify(o)).toString("base64url");
const jwt = (claims) => {
  const head = b64({ alg: "HS256", typ: "JWT" }) + "." + b64(claims);
  return head + "." + crypto.createHmac("sha256", "demo").update(head).digest("base64url");
};

function who(req) {
  const auth = req.headers.authorization || "";
  if (auth.startsWith("Basic ")) {
    const [user, password] = Buffer.from(auth.slice(6), "base64").toString().split(":");
    return passwords[user] && passwords[user].password === password ? user : null;
  }
  if (auth.startsWith("Bearer ")) {
    const t = auth.slice(7);
    if (tokens.has(t)) return tokens.get(t);
    try { return JSON.parse(Buffer.from(t.split(".")[1], "base64url")).preferred_username; } catch { return null; }
  }
  const key = req.headers["x-api-key"];
  if (key) return Object.keys(passwords).find((n) => passwords[n].key === key) || null;
  const sid = /(?:^|; )sid=([^;]+)/.exec(req.headers.cookie || "");
  return sid ? sessions.get(sid[1]) || null : null;
}

function crm(method, path, req, user, body) {
  const headers = { "x-request-id": req.headers["x-request-id"], "x-forwarded-user": user, "x-forwarded-for": req.headers["x-forwarded-for"] };
  if (body) Object.assign(headers, { "content-type": "application/json", "content-length": body.length });
  return new Promise((done, fail) => {
    const r = http.request({ host: "10.20.1.12", port: 8000, path, method, agent, headers, localAddress: "10.20.1.11" }, (a) => {
      const parts = [];
      a.on("data", (d) => parts.push(d)).on("end", () => done([a.statusCode, JSON.parse(Buffer.concat(parts))]));
    });
    r.on("error", fail);
    r.end(body);
  });
}

const star = (s, a, b) => s.slice(0, a) + "*".repeat(Math.max(0, s.length - a - b)) + s.slice(s.length - b);
const masked = (c) => ({ id: c.id, name: star(c.name, 1, 0), mobile: star(c.mobile, 3, 4), idCard: star(c.idCard, 6, 4) });

http.createServer((req, res) => {
  const chunks = [];
  req.on("data", (d) => chunks.push(d)).on("end", async () => {
    const body = Buffer.concat(chunks);
    const url = new URL(req.url, "http://portal");
    let user = who(req);
    const send = (status, payload, customers = [], headers = {}) => {
      const data = Buffer.from(typeof payload === "string" ? payload : JSON.stringify(payload));
      truth({ side: "server", method: req.method, host: req.headers.host, uri: req.url, status, peer: [req.socket.remoteAddress, req.socket.remotePort], account: user, resp_len: data.length, customers });
      res.writeHead(status, { "Content-Type": "application/json; charset=utf-8", "Content-Length": data.length, ...headers });
      res.end(data);
    };
    const ids = (r) => (r.items || []).map((i) => i.id);
    try {
      if (req.method === "POST" && url.pathname === "/login") {
        const form = new URLSearchParams(body.toString());
        const name = form.get("username");
        if (!passwords[name] || passwords[name].password !== form.get("password")) return send(200, { ok: false, message: "wrong name or password" });
        const sid = crypto.randomBytes(16).toString("hex");
        sessions.set(sid, name);
        user = name;
        return send(302, "", [], { "Set-Cookie": `sid=${sid}; HttpOnly; Path=/`, Location: "/home" });
      }
      if (req.method === "POST" && url.pathname === "/app/login") {
        const { username, password } = JSON.parse(body);
        if (!passwords[username] || passwords[username].password !== password) return send(401, { error: "bad credentials" });
        user = username;
        return send(200, { token_type: "Bearer", access_token: jwt({ sub: crypto.createHash("sha1").update(username).digest("hex").slice(0, 12), preferred_username: username, iss: "shop", iat: Math.floor(Date.now() / 1000) }) });
      }
      if (req.method === "POST" && url.pathname === "/oauth/token") {
        const form = new URLSearchParams(body.toString());
        const name = form.get("client_id");
        if (!passwords[name] || passwords[name].password !== form.get("client_secret")) return send(401, { error: "invalid_client" });
        user = name;
        const t = crypto.randomBytes(24).toString("base64url");
        tokens.set(t, name);
        return send(200, { access_token: t, token_type: "Bearer", expires_in: 3600 });
      }
      if (req.method === "POST" && url.pathname === "/logout") return send(204, "", [], { "Set-Cookie": "sid=; Max-Age=0; Path=/" });
      if (!user) return send(401, { error: "log in first" });
      if (url.pathname === "/api/whoami") return send(200, { username: user });
      if (url.pathname === "/home") return send(200, { user, news: ["系统将于周日维护", "quarterly review"] });
      const one = url.pathname.match(/^\/api\/customers\/(\d+)(\/cards)?$/);
      if (one) {
        const [status, row] = await crm("GET", `/customers/${one[1]}${one[2] || ""}`, req, user);
        return send(status, row, status === 200 ? [Number(one[1])] : []);
      }
      if (url.pathname === "/api/customers") {
        const [status, rows] = await crm("GET", `/customers${url.search}`, req, user);
        return send(status, { page: rows.page, total: rows.total, items: rows.items.map(masked) });
      }
      if (url.pathname === "/api/reports/customers") {
        const [status, rows] = await crm("GET", `/customers${url.search}`, req, user);
        return send(status, rows, ids(rows));
      }
      if (url.pathname === "/api/search") {
        const [status, rows] = await crm("POST", "/search", req, user, body);
        return send(status, rows, ids(rows));
      }
      const order = url.pathname.match(/^\/api\/orders\/(\w+)$/);
      if (order) return send(...(await crm("GET", `/orders/${order[1]}`, req, user)));
      if (url.pathname === "/api/exports") return send(...(await crm("POST", "/exports", req, user, body)));
      send(404, { error: "no such page" });
    } catch (e) {
      send(502, { error: String(e) });
    }
  });
}).listen(3000, "10.20.1.11");
