// Answers in every framing and coding that HTTP/1 knows, and opens tunnels. Used by http1.sh; argument: the port.
import http from 'node:http';
import net from 'node:net';
import zlib from 'node:zlib';
import { createReadStream, readFileSync } from 'node:fs';

const [port, zstdFile] = [Number(process.argv[2]), process.argv[3]];
const text = JSON.stringify({ items: Array.from({ length: 60 }, (_, i) => ({ id: i, name: 'item ' + i, note: 'é中文'.repeat(i % 3) })) });
const coded = {
  '/gzip': ['gzip', zlib.gzipSync(text)],
  '/br': ['br', zlib.brotliCompressSync(text)],
  '/deflate': ['deflate', zlib.deflateSync(text)],
  '/rawdeflate': ['deflate', zlib.deflateRawSync(text)],
};
const server = http.createServer((req, res) => {
  const path = req.url.split('?')[0];
  if (coded[path]) {
    res.writeHead(200, { 'content-type': 'application/json', 'content-encoding': coded[path][0] });
    res.end(coded[path][1]);
  } else if (path === '/zstd') {
    res.writeHead(200, { 'content-type': 'application/json', 'content-encoding': 'zstd' });
    createReadStream(zstdFile).pipe(res);
  } else if (path === '/chunked') {
    res.writeHead(200, { 'content-type': 'text/plain', trailer: 'x-sum' });
    for (let i = 0; i < 5; i++) res.write('part ' + i + '\n');
    res.addTrailers({ 'x-sum': '5' });
    res.end();
  } else if (path === '/none') {
    res.writeHead(204).end();
  } else if (path === '/echo') {
    const parts = [];
    req.on('data', (d) => parts.push(d)).on('end', () => {
      const all = Buffer.concat(parts);
      res.writeHead(201, { 'content-type': 'application/octet-stream', 'content-length': all.length });
      res.end(all);
    });
  } else {
    res.writeHead(path === '/plain' ? 200 : 404, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) });
    res.end(req.method === 'HEAD' ? undefined : text);
  }
});
server.on('connect', (req, client, head) => {
  const [host, p] = req.url.split(':');
  const up = net.connect(Number(p), host, () => {
    client.write('HTTP/1.1 200 Connection Established\r\n\r\n');
    up.write(head);
    up.pipe(client).pipe(up);
  });
  for (const s of [up, client]) s.on('error', () => (up.destroy(), client.destroy()));
});
server.on('upgrade', (req, socket) => {
  socket.write('HTTP/1.1 101 Switching Protocols\r\nUpgrade: raw\r\nConnection: Upgrade\r\n\r\nhello from the other side\n');
  socket.on('data', (d) => socket.write(d)).on('error', () => {});
  setTimeout(() => socket.end(), 200);
});
server.listen(port, '127.0.0.1');
