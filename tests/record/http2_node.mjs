// HTTP/2 in clear text. `node http2_node.mjs server PORT` serves; `node http2_node.mjs client PORT:KIND...` asks many things at
// once and writes a line of JSON for each call that it made or was pushed, with the SHA-256 of what it sent and got.
import http2 from 'node:http2';
import { createHash } from 'node:crypto';
const { constants: C } = http2;
const sha = (b) => (b.length ? createHash('sha256').update(b).digest('hex') : null);
const text = (seed, n) => { let s = ''; for (let i = 0; s.length < n; i++) s += JSON.stringify({ seed, i, phone: `1380013${8000 + (i % 2000)}`, note: 'é中文'.repeat(i % 4) }); return Buffer.from(s).subarray(0, n); };
const page = (path) => text(path, 40 + (path.length * 97) % 3000);

function serve(port) {
  const server = http2.createServer({ paddingStrategy: C.PADDING_STRATEGY_MAX, settings: { maxHeaderListSize: 65535, maxConcurrentStreams: 300 } });
  server.on('stream', (s, h) => {
    s.on('error', () => {});
    const path = h[':path'], at = path.split('?')[0], json = { ':status': 200, 'content-type': 'application/json' };
    if (at === '/none') return s.respond({ ':status': 204 }, { endStream: true });
    if (h[':method'] === 'HEAD') { s.respond({ ...json, 'content-length': 999 }, { endStream: true }); return; }
    if (at === '/early') s.additionalHeaders({ ':status': 103, link: '</style.css>; rel=preload' });
    if (at === '/reset') { s.respond(json); s.write(text('reset', 500)); return setTimeout(() => s.close(C.NGHTTP2_INTERNAL_ERROR), 30); }
    if (at === '/push') {
      let left = 3;
      for (let i = 0; i < 3; i++) s.pushStream({ ':path': `/pushed/${i}?of=${path.split('=')[1]}` }, (e, p, ph) => {
        if (!e) { p.on('error', () => {}); p.respond(json); p.end(page(ph[':path'])); }
        if (!--left) { s.respond(json); s.end(page(path)); }
      });
      return;
    }
    if (at === '/trailers') { s.respond(json, { waitForTrailers: true }); s.on('wantTrailers', () => s.sendTrailers({ 'x-sum': 'abc', 'x-of': path })); return s.end(page(path)); }
    if (at === '/headers') { const more = {}; for (let i = 0; i < 30; i++) more[`x-large-${i}`] = `${path}-${i}-`.padEnd(700, 'abcdefghij'); s.respond({ ...json, ...more }); return s.end(page(path)); }
    if (h[':method'] === 'POST' || h[':method'] === 'PUT') {
      const got = [];
      s.on('data', (d) => got.push(d));
      return s.on('end', () => { s.respond({ ':status': 201, 'content-type': 'application/octet-stream' }); s.end(Buffer.concat(got).reverse()); });
    }
    if (at === '/missing') json[':status'] = 404;
    s.respond(json);
    const b = at === '/big' ? text(path, 200000) : page(path);
    for (let i = 0; i < b.length; i += 5000) s.write(b.subarray(i, i + 5000));
    s.end();
  });
  server.listen(port, '127.0.0.1');
}

function ask(spec) {
  const [port, kind] = spec.split(':');
  return new Promise((done) => {
    const c = http2.connect(`http://127.0.0.1:${port}`, { paddingStrategy: C.PADDING_STRATEGY_ALIGNED, settings: { enablePush: kind === 'node' } });
    let open = 1;
    const over = () => { if (!--open) { c.close(); done(); } };
    const row = (method, path, status, sent, got, more) => console.log(JSON.stringify({ port: +port, method, path, status, sent: sha(sent), got: sha(got), ...more }));
    const read = (s, then) => { const got = []; s.on('data', (d) => got.push(d)); s.on('error', () => {}); s.on('close', () => then(Buffer.concat(got))); };
    c.on('error', (e) => { console.error(spec, e); process.exit(1); });
    c.on('stream', (s, h) => { open++; let status; s.on('push', (r) => (status = r[':status'])); read(s, (got) => { row('GET', h[':path'], status, '', got, { pushed: true }); over(); }); });
    const one = (method, path, body, trailers) => {
      open++;
      const s = c.request({ ':method': method, ':path': path, authorization: 'Bearer node-token', 'x-n': path }, { endStream: body === undefined, waitForTrailers: !!trailers });
      let status, tail = {}, early = 0;
      s.on('response', (r) => (status = r[':status']));
      s.on('headers', () => early++);
      s.on('trailers', (t) => (tail = t));
      if (trailers) s.on('wantTrailers', () => s.sendTrailers(trailers));
      read(s, (got) => { row(method, path, status, body ?? '', got, { early, trailer: tail['x-sum'] ?? null, reset: s.rstCode !== 0 }); over(); });
      if (body !== undefined) { for (let i = 0; i < body.length; i += 3000) s.write(body.subarray(i, i + 3000)); s.end(); }
    };
    const kinds = { node: ['/plain', '/none', '/early', '/trailers', '/headers', '/missing', '/push', '/plain'], nginx: ['/text.txt', '/none', '/missing', '/s.txt'], nghttpd: ['/text.txt', '/s.txt', '/missing'] }[kind];
    for (let i = 0; i < 120; i++) one('GET', `${kinds[i % kinds.length]}?n=${port}.${i}`);
    one('HEAD', `${kinds[0]}?head=1`);
    if (kind === 'node') { for (let i = 0; i < 4; i++) { one('GET', `/big?n=${i}`); one('GET', `/reset?n=${i}`); one('POST', `/echo?n=${i}`, text(`up${i}`, 30000 * i), i % 2 ? { 'x-sent': 'all' } : undefined); } }
    over();
  });
}
if (process.argv[2] === 'server') serve(+process.argv[3]);
else { await Promise.all(process.argv.slice(3).map(ask)); }
