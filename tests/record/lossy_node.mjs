// Node's part of lossy.py: `serve PORT` answers, `ask TURN SERVER PORT...` sends pipelined requests with undici.
// LOSSY_MODULES names a folder of Node modules that holds undici.
import { createRequire } from 'node:module';
import { createHash } from 'node:crypto';
import http from 'node:http';
const [, , role, ...rest] = process.argv;
const sha = (b) => createHash('sha256').update(b).digest('hex');

const answer = (req, res) => {
  const parts = [];
  req.on('data', (d) => parts.push(d)).on('end', () => {
    const sent = Buffer.concat(parts), n = Number(new URL(req.url, 'http://h').searchParams.get('n') ?? 100);
    const body = sent.length ? Buffer.concat([Buffer.from(sha(sent)), sent.subarray(0, 5000)]) : Buffer.from(sha(req.url).repeat(Math.floor(n / 64) + 1).slice(0, n));
    if (body.length % 2) res.setHeader('content-length', body.length);
    for (let at = 0; at < body.length; at += 3000) res.write(body.subarray(at, at + 3000));
    res.end();
  });
};
if (role === 'serve') {
  http.createServer(answer).listen(Number(rest[0]), '0.0.0.0');
} else {
  const { Pool } = createRequire(process.env.LOSSY_MODULES + '/x.js')('undici');
  const [turn, server, ...ports] = rest;
  for (const port of ports) {
    const pool = new Pool(`http://${server}:${port}`, { connections: 1, pipelining: 6 });
    await Promise.all([...Array(12).keys()].map(async (i) => {
      const target = `/d?n=${i * 3000 + 1}&u=${turn}n${port}.${i}`;
      const r = await pool.request({ path: target, method: 'GET' });
      const body = Buffer.from(await r.body.arrayBuffer());
      console.log(JSON.stringify({ port: Number(port), target, status: r.statusCode, sha256: sha(body) }));
    }));
    await pool.close();
  }
}
