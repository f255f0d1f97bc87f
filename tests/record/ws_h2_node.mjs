// WebSockets over streams of HTTP/2 (RFC 8441) with Node's `http2` and the `ws` package, each end noting what it sent and received.
// node ws_h2_node.mjs server LOG PORT | client LOG PORT...; WS_MODULES must hold node_modules/ws.
import { createRequire } from 'node:module';
import { createHash } from 'node:crypto';
import { appendFileSync } from 'node:fs';
import http2 from 'node:http2';
const load = createRequire(process.env.WS_MODULES + '/x.js');
const { WebSocket } = load('ws');
const [Deflate, extension] = ['permessage-deflate', 'extension'].map((m) => load(`${process.env.WS_MODULES}/node_modules/ws/lib/${m}.js`));
const [, , role, log, ...ports] = process.argv;

const note = (dir, path, data) => {
  const bytes = Buffer.from(data);
  appendFileSync(log, JSON.stringify({ path, dir, len: bytes.length, sha256: createHash('sha256').update(bytes).digest('hex') }) + '\n');
};
const NAME = Deflate.extensionName, KEY = 'sec-websocket-extensions', LIMIT = 8 << 20;
const deflate = (isServer, fresh) => new Deflate({ threshold: 0, isServer, maxPayload: LIMIT, ...(fresh ? { serverNoContextTakeover: true, clientNoContextTakeover: true } : {}) }, isServer, LIMIT);
// takes what the other end said of extensions
const accept = (d, said) => d && said ? { [NAME]: (d.accept(extension.parse(said)[NAME]), d) } : {};
// `calm`: no ping inside a compressed message, which wsproto does not bear
const open = (stream, server, extensions, calm) => {
  const ws = new WebSocket(null, undefined, {});
  ws._isServer = server;
  ws._extensions = extensions;
  ws.calm = calm && NAME in extensions;
  ws.setSocket(stream, Buffer.alloc(0), { allowSynchronousEvents: true, maxPayload: LIMIT, skipUTF8Validation: false });
  return ws;
};
const send = (dir, path, ws, data, binary, pieces) => {
  note(dir, path, data);
  const bytes = Buffer.from(data), size = Math.max(1, Math.ceil(bytes.length / pieces));
  for (let at = 0; at === 0 || at < bytes.length; at += size) {
    const fin = at + size >= bytes.length;
    ws.send(bytes.subarray(at, at + size), { binary, fin });
    if (!fin && !ws.calm) ws.ping('between');
  }
};

if (role === 'server') {
  const server = http2.createServer({ settings: { enableConnectProtocol: true } });
  server.on('stream', (stream, head) => {
    stream.on('error', () => {});
    const path = head[':path'];
    if (head[':protocol'] !== 'websocket') { stream.respond({ ':status': 200 }); return stream.end('beside ' + path); }
    const taken = head[KEY] ? accept(deflate(true), head[KEY]) : {};
    stream.respond({ ':status': 200, ...(taken[NAME] ? { [KEY]: extension.format({ [NAME]: [taken[NAME].params] }) } : {}) });
    const ws = open(stream, true, taken, path.startsWith('/py/'));
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
          const mine = s ? deflate(false, s === 2) : null;
          const offered = mine ? { [KEY]: extension.format({ [NAME]: mine.offer() }) } : {};
          const stream = c.request({ ':method': 'CONNECT', ':protocol': 'websocket', ':path': path, 'sec-websocket-version': '13', authorization: 'Bearer node-h2', ...offered });
          stream.on('error', (e) => (left ? failed(e) : done()));
          stream.on('response', (h) => {
            if (h[':status'] !== 200) return failed(new Error('status ' + h[':status']));
            const ws = open(stream, false, accept(mine, h[KEY]), port === ports[0]), sizes = [0, 1, 125, 126, 127, 4000, 20000, 65535, 65536, 90000];
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
