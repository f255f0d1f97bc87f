// WebSockets over streams of HTTP/2 (RFC 8441) with Node's `http2` and the `ws` package, each end noting what it sent and received.
// node ws_h2_node.mjs server LOG PORT | client LOG PORT...; WS_MODULES must hold node_modules/ws.
import { createRequire } from 'node:module';
import { createHash } from 'node:crypto';
import { appendFileSync } from 'node:fs';
import http2 from 'node:http2';
const { WebSocket } = createRequire(process.env.WS_MODULES + '/x.js')('ws');
const [, , role, log, ...ports] = process.argv;

const note = (dir, path, data) => {
  const bytes = Buffer.from(data);
  appendFileSync(log, JSON.stringify({ path, dir, len: bytes.length, sha256: createHash('sha256').update(bytes).digest('hex') }) + '\n');
};
const open = (stream, server) => {
  const ws = new WebSocket(null, undefined, {});
  ws._isServer = server;
  ws.setSocket(stream, Buffer.alloc(0), { allowSynchronousEvents: true, maxPayload: 8 << 20, skipUTF8Validation: false });
  return ws;
};
const send = (dir, path, ws, data, binary, pieces) => {
  note(dir, path, data);
  const bytes = Buffer.from(data), size = Math.max(1, Math.ceil(bytes.length / pieces));
  for (let at = 0; at === 0 || at < bytes.length; at += size) {
    const fin = at + size >= bytes.length;
    ws.send(bytes.subarray(at, at + size), { binary, fin });
    if (!fin) ws.ping('between');
  }
};

if (role === 'server') {
  const server = http2.createServer({ settings: { enableConnectProtocol: true } });
  server.on('stream', (stream, head) => {
    stream.on('error', () => {});
    const path = head[':path'];
    if (head[':protocol'] !== 'websocket') { stream.respond({ ':status': 200 }); return stream.end('beside ' + path); }
    stream.respond({ ':status': 200 });
    const ws = open(stream, true);
    let n = 0;
    ws.on('error', () => {});
    ws.on('message', (data, binary) => {
      note('SEND', path, data);
      n += 1;
      send('RECV', path, ws, binary ? Buffer.from(data).reverse() : JSON.stringify({ n, phone: '1380013' + String(8000 + n), seen: data.length }), binary, 1 + n % 3);
    });
  });
  server.listen(Number(ports[0]), '127.0.0.1');
} else {
  // hypercorn closes the connection where a client ends a stream behind its close frame: it gets one for each socket
  const talks = ports.flatMap((port, i) => (i ? [[port, [0, 1, 2]]] : [0, 1, 2].map((s) => [port, [s]])));
  for (const [port, sockets] of talks) {
    await new Promise((done, failed) => {
      const c = http2.connect(`http://127.0.0.1:${port}`);
      let left = sockets.length;
      c.on('error', (e) => (left ? failed(e) : done()));
      c.on('remoteSettings', () => {
        const over = () => { if (!--left) { c.close(); setTimeout(done, 100); } };
        c.request({ ':path': '/plain?of=node' }).resume();
        for (const s of sockets) {
          const path = `/node/${port}?s=${s}`;
          const stream = c.request({ ':method': 'CONNECT', ':protocol': 'websocket', ':path': path, 'sec-websocket-version': '13', authorization: 'Bearer node-h2' });
          stream.on('error', (e) => (left ? failed(e) : done()));
          stream.on('response', (h) => {
            if (h[':status'] !== 200) return failed(new Error('status ' + h[':status']));
            const ws = open(stream, false), sizes = [0, 1, 125, 126, 127, 4000, 20000, 65535, 65536, 90000];
            let got = 0;
            ws.on('error', failed);
            ws.on('close', over);
            ws.on('message', (data) => { note('RECV', path, data); if (++got === sizes.length * 2) ws.close(1000, 'done'); });
            sizes.forEach((size, i) => {
              send('SEND', path, ws, JSON.stringify({ op: 'list', n: i, pad: 'x'.repeat(size) }), false, 1 + i % 4);
              const b = Buffer.alloc(size);
              for (let j = 0; j < size; j++) b[j] = (j * 31 + i) & 255;
              send('SEND', path, ws, b, true, 1 + (i + 1) % 3);
            });
          });
        }
      });
    });
  }
}
