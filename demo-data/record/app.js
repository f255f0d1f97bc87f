// Field staff with the app: JSON login, JWT, Node's http client. usage: node app.js
const http = require("http");
const fs = require("fs");
const logins = JSON.parse(fs.readFileSync(process.env.LOGINS));
const people = JSON.parse(fs.readFileSync(process.env.PEOPLE));
let seed = Number(process.env.SEED || 7) * 7919 + 13;
const random = () => (seed = (seed * 1103515245 + 12345) % 2147483648) / 2147483648;
const truth = (who, row) => fs.appendFileSync(`${process.env.TRUTH}/client-${who}.jsonl`, JSON.stringify({ who: `client-${who}`, ts: Date.now() * 1e6, side: "client", host: "api.shop.example", account: who, ...row }) + "\n");

function ask(agent, address, name, method, path, token, body) {
  const headers = { Host: "api.shop.example", "User-Agent": "ShopField/5.2 (Android 15)", Accept: "application/json", "Accept-Encoding": "gzip" };
  if (token) headers.Authorization = `Bearer ${token}`;
  if (body) Object.assign(headers, { "Content-Type": "application/json", "Content-Length": Buffer.byteLength(body) });
  return new Promise((done, fail) => {
    const r = http.request({ host: "10.20.0.2", port: 80, method, path, agent, headers, localAddress: address }, (a) => {
      const parts = [];
      a.on("data", (d) => parts.push(d)).on("end", () => {
        truth(name, { method, uri: path, status: a.statusCode });
        setTimeout(() => done(Buffer.concat(parts)), random() * 25);
      });
    });
    r.on("error", fail);
    r.end(body);
  });
}

async function field(name, address, calls) {
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
  const answer = await ask(agent, address, name, "POST", "/app/login", null, JSON.stringify({ username: name, password: logins[name].password }));
  const token = JSON.parse(answer).access_token;
  for (let n = 0; n < calls; n++) {
    const p = people[Math.floor(random() * people.length)];
    const what = random();
    if (what < 0.4) await ask(agent, address, name, "GET", `/api/customers/${p.id}`, token);
    else if (what < 0.7) await ask(agent, address, name, "GET", `/api/orders/SO2026${String(Math.floor(random() * 2400)).padStart(8, "0")}`, token);
    else if (what < 0.9) await ask(agent, address, name, "POST", "/api/search", token, JSON.stringify({ mobile: p.mobile }));
    else await ask(agent, address, name, "GET", "/api/whoami", token);
  }
  agent.destroy();
}

Promise.all([field("he.jun", "10.20.7.31", 50), field("lin.fei", "10.20.7.32", 50), field("ma.kai", "10.20.7.33", 40)]);
