// WebSocket servers and a client with the `ws` package, each noting what it sent and received.
// node ws_node.mjs server LOG PORT:OPTIONS... | client LOG PORT:OPTIONS...; NODE_PATH must hold `ws`. Options: plain, deflate, fresh.
import { createRequire } from 'node:module';
import { createHash } from 'node:crypto';
import { appendFileSync } from 'node:fs';
const { WebSocket, WebSocketServer } = createRequire(process.env.WS_MODULES + '/x.js')('ws');
const [, , role, log, ...ports] = process.argv;

const deflate = (how) => how === 'plain' ? false : { threshold: 0, ...(how === 'fresh' ? { serverNoContextTakeover: true, clientNoContextTakeover: true } : {}) };
const note = (dir, ws, data, binary) => {
  const s = ws._socket, bytes = Buffer.from(data);
  const client = role === 'server' ? s.remotePort : s.localPort, server = role === 'server' ? s.localPort : s.remotePort;
  appendFileSync(log, JSON.stringify({ end: role, client, server, dir, binary, len: bytes.length, sha256: createHash('sha256').update(bytes).digest('hex') }) + '\n');
};
const send = (dir, ws, data, binary, pieces = 1) => new Promise((done) => {
  note(dir, ws, data, binary);
  const bytes = Buffer.from(data), size = Math.max(1, Math.ceil(bytes.length / pieces));
  for (let at = 0; at === 0 || at < bytes.length; at += size) {
    const fin = at + size >= bytes.length;
    ws.send(bytes.subarray(at, at + size), { binary, fin }, fin ? done : undefined);
    if (!fin) ws.ping('between');
  }
});

if (role === 'server') {
  for (const p of ports) {
    const [port, how] = p.split(':');
    new WebSocketServer({ host: '127.0.0.1', port: Number(port), perMessageDeflate: deflate(how), maxPayload: 8 << 20 }).on('connection', (ws) => {
      let n = 0;
      ws.on('error', () => {});
      ws.on('message', async (data, binary) => {
        note('SEND', ws, data, binary);
        n += 1;
        const answer = binary ? Buffer.from(data).reverse() : Buffer.from(JSON.stringify({ n, rows: [{ id: n, phone: '1380013' + String(8000 + n), seen: data.length }] }));
        await send('RECV', ws, answer, binary, 1 + n % 3);
      });
    });
  }
} else {
  for (const p of ports) {
    const [port, how] = p.split(':');
    await new Promise((done, failed) => {
      const ws = new WebSocket(`ws://127.0.0.1:${port}/node/${how}?q=1`, { perMessageDeflate: deflate(how), headers: { authorization: 'Bearer node-token-' + port, 'user-agent': 'node-ws' } });
      const sizes = [0, 1, 125, 126, 127, 4000, 65535, 65536, 200000];
      let got = 0;
      ws.on('error', failed);
      ws.on('close', done);
      ws.on('message', (data, binary) => { note('RECV', ws, data, binary); if (++got === sizes.length * 2) ws.close(1000, 'done'); });
      ws.on('open', async () => {
        let n = 0;
        for (const size of sizes) {
          n += 1;
          await send('SEND', ws, JSON.stringify({ op: 'list', n, pad: 'x'.repeat(size) }), false, 1 + n % 4);
          const b = Buffer.alloc(size);
          for (let i = 0; i < size; i++) b[i] = (i * 31 + n) & 255;
          await send('SEND', ws, b, true, 1 + (n + 1) % 3);
        }
      });
    });
  }
}
