// store (10.20.1.13:4000, Node): names and addresses of customers; asks the vault for the numbers.
const http = require("http");
const fs = require("fs");
const people = new Map(JSON.parse(fs.readFileSync(process.env.PEOPLE)).map((p) => [p.id, p]));
const ids = [...people.keys()];
const agent = new http.Agent({ keepAlive: true, maxSockets: 8 });
const truth = (row) => fs.appendFileSync(`${process.env.TRUTH}/store.jsonl`, JSON.stringify({ who: "store", ts: Date.now() * 1e6, ...row }) + "\n");

function ask(path, req) {
  const headers = {};
  for (const n of ["x-request-id", "x-forwarded-user", "x-forwarded-for"]) if (req.headers[n]) headers[n] = req.headers[n];
  return new Promise((done, fail) => {
    http.get({ host: "10.20.1.14", port: 8200, path, agent, headers, localAddress: "10.20.1.13" }, (r) => {
      const parts = [];
      r.on("data", (d) => parts.push(d)).on("end", () => done(JSON.parse(Buffer.concat(parts))));
    }).on("error", fail);
  });
}

http.createServer(async (req, res) => {
  const url = new URL(req.url, "http://store");
  const send = (status, payload, customers = []) => {
    const body = Buffer.from(JSON.stringify(payload));
    truth({ side: "server", method: req.method, host: req.headers.host, uri: req.url, status, peer: [req.socket.remoteAddress, req.socket.remotePort], user: req.headers["x-forwarded-user"], resp_len: body.length, customers });
    res.writeHead(status, { "Content-Type": "application/json; charset=utf-8", "Content-Length": body.length });
    res.end(body);
  };
  const one = url.pathname.match(/^\/customers\/(\d+)$/);
  if (one) {
    const p = people.get(Number(one[1]));
    if (!p) return send(404, { error: "unknown customer" });
    const v = await ask(`/identities?ids=${p.id}`, req);
    return send(200, { id: p.id, name: p.name, email: p.email, address: p.address, idCard: v.identities[0].idCard, mobile: v.identities[0].mobile }, [p.id]);
  }
  if (url.pathname === "/customers") {
    const page = Number(url.searchParams.get("page") || 1), size = Math.min(50, Number(url.searchParams.get("size") || 20));
    const wanted = url.searchParams.get("ids") ? url.searchParams.get("ids").split(",").map(Number) : ids.slice((page - 1) * size, page * size);
    const v = await ask(`/identities?ids=${wanted.join(",")}`, req);
    const items = v.identities.map((i) => ({ ...i, id: i.customerId, customerId: undefined, name: people.get(i.customerId).name, email: people.get(i.customerId).email, address: people.get(i.customerId).address }));
    return send(200, { page, total: ids.length, items }, items.map((i) => i.id));
  }
  send(404, { error: "no such thing" });
}).listen(4000, "10.20.1.13");
