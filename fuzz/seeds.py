#!/usr/bin/env python3
"""Writes the first seeds of every corpus: small inputs that reach deep. Run from anywhere; overwrites only its own files."""
import base64, bz2, gzip, hashlib, io, json, lzma, os, struct, tarfile, zipfile, zlib

HERE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "corpus")


def put(target, name, data):
    os.makedirs(f"{HERE}/{target}", exist_ok=True)
    with open(f"{HERE}/{target}/{name}", "wb") as f:
        f.write(data if isinstance(data, bytes) else data.encode())


REQ = b"POST /api/v1/users/42?phone=13812345678 HTTP/1.1\r\nHost: a.example\r\nAuthorization: Bearer eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhIn0.c2ln\r\nContent-Type: application/json\r\nContent-Length: 27\r\n\r\n{\"idCard\":\"11010519491231\"}"
RESP = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n1a;x=y\r\n[{\"name\":\"Li\",\"tel\":\"138\"}]\r\n0\r\nX-Sum: 1\r\n\r\n"


def ipv4(payload, proto=6, frag=0x4000, src=b"\x0a\0\0\1", dst=b"\x0a\0\0\2"):
    return struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(payload), 7, frag, 64, proto, 0) + src + dst + payload


def ipv6(payload, nxt=6):
    return struct.pack("!IHBB", 6 << 28, len(payload), nxt, 64) + bytes(15) + b"\1" + bytes(15) + b"\2" + payload


def tcp(sp, dp, seq, ack, flags, data=b""):
    return struct.pack("!HHIIBBHHH", sp, dp, seq, ack, 0x50, flags, 65535, 0, 0) + data


def talk(wrap=ipv4):
    c, s = 40000, 80
    yield wrap(tcp(c, s, 0, 0, 2))
    yield wrap(tcp(s, c, 0, 1, 18))
    yield wrap(tcp(c, s, 1, 1, 24, REQ[:100]))
    yield wrap(tcp(c, s, 101, 1, 24, REQ[100:]))
    yield wrap(tcp(s, c, 1, 1 + len(REQ), 24, RESP))
    yield wrap(tcp(c, s, 1 + len(REQ), 1 + len(RESP), 17))


def eth(ip, kind=0x0800, tags=b""):
    return bytes(12) + tags + struct.pack("!H", kind) + ip


def pcap(frames, link=1, magic=0xA1B2C3D4, end="<"):
    out = struct.pack(end + "IHHiIII", magic, 2, 4, 0, 0, 65535, link)
    for n, f in enumerate(frames):
        out += struct.pack(end + "IIII", 1700000000 + n, n, len(f), len(f)) + f
    return out


def block(kind, body):
    body += bytes(-len(body) % 4)
    return struct.pack("<II", kind, len(body) + 12) + body + struct.pack("<I", len(body) + 12)


def pcapng(frames):
    out = block(0x0A0D0D0A, struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1))
    out += block(1, struct.pack("<HHI", 1, 0, 0) + struct.pack("<HHB3x", 9, 1, 9) + bytes(4))
    for n, f in enumerate(frames):
        t = 1700000000000000000 + n
        out += block(6, struct.pack("<IIIII", 0, t >> 32, t & 0xFFFFFFFF, len(f), len(f)) + f + bytes(-len(f) % 4))
    out += block(3, struct.pack("<I", len(f)) + f)
    return out + block(5, struct.pack("<III", 0, 0, 0))


frames = [eth(p) for p in talk()]
put("capture", "pcap-us", pcap(frames))
put("capture", "pcap-ns-be", pcap(frames, magic=0xA1B23C4D, end=">"))
put("capture", "pcap-raw", pcap(list(talk()), link=101))
put("capture", "pcap-sll", pcap([struct.pack("!HHH8sH", 0, 1, 6, bytes(8), 0x0800) + p for p in talk()], link=113))
put("capture", "pcapng", pcapng(frames))
put("capture", "pcap-patched", pcap([], magic=0xA1B2C3D4) + b"".join(struct.pack("<IIIIIHHI", 1, 0, len(f), len(f), 1, 0, 0, 0) + f for f in frames))
put("capture", "netmon1", b"RTSS\0\1\1\0" + struct.pack("<8H", 2026, 3, 0, 1, 2, 3, 4, 5) + struct.pack("<I", 128 + sum(8 + len(f) for f in frames)) + bytes(100) + b"".join(struct.pack("<IHH", n, len(f), len(f)) + f for n, f in enumerate(frames)) + bytes(24))
put("capture", "netmon23", b"GMBU\3\2\1\0" + struct.pack("<8H", 2026, 3, 0, 1, 2, 3, 4, 5) + bytes(104) + b"".join(struct.pack("<QII", n, len(f), len(f)) + f + struct.pack("<HIQB", 1, 0, 134169696000000000 + n, 0) for n, f in enumerate(frames)))
put("capture", "iptrace1", b"iptrace 1.0" + b"".join(struct.pack("!II", len(f) + 22, 1700000000) + b"\0\0\0\0en\0\0" + bytes(12) + b"\6\1" + f for f in frames))
put("capture", "iptrace2", b"iptrace 2.0" + b"".join(struct.pack("!II", len(f) + 32, 1700000000) + b"\0\0\0\0en\0\0" + bytes(12) + b"\6\1\0\0" + struct.pack("!II", 1700000000, n) + f for n, f in enumerate(frames)))
put("capture", "erf", b"".join(struct.pack("<II", n, 1700000000) + struct.pack("!BBHHH", 0x82, 4, 26 + len(f), 0, len(f)) + b"\5" + bytes(9) + f for n, f in enumerate(frames)))
put("capture", "pcap-modified", pcap([], magic=0xA1B2CD34) + b"".join(struct.pack("<IIIIIHBB", 1, 0, len(f), len(f), 1, 0, 0, 0) + f for f in frames))


def framed(link, list_):
    return struct.pack("!H", link) + b"".join(struct.pack("!H", len(f)) + f for f in list_)


put("frames", "ethernet", framed(1, frames))
put("frames", "vlan-qinq", framed(1, [eth(p, tags=b"\x88\xa8\0\1\x81\0\0\2") for p in talk()]))
put("frames", "mpls", framed(1, [eth(b"\0\1\1\x40" + p, kind=0x8847) for p in talk()]))
put("frames", "pppoe", framed(1, [eth(b"\x11\0\0\1" + struct.pack("!HH", len(p) + 2, 0x21) + p, kind=0x8864) for p in talk()]))
put("frames", "ipv6", framed(1, [eth(p, kind=0x86DD) for p in talk(ipv6)]))
put("frames", "ipv6-options", framed(101, [ipv6(b"\x2c\0\1\4\0\0\0\0" + b"\6\0\0\0\0\0\0\1" + tcp(1, 80, 0, 0, 2), 0)]))
put("frames", "null-loopback", framed(0, [b"\2\0\0\0" + p for p in talk()]))
put("frames", "sll2", framed(276, [struct.pack("!HHIHBB8s", 0x0800, 0, 1, 1, 0, 6, bytes(8)) + p for p in talk()]))
put("frames", "gre-erspan", framed(1, [eth(ipv4(b"\x10\0\x88\xbe\0\0\0\1" + bytes(8) + eth(p), 47)) for p in talk()]))
put("frames", "vxlan", framed(1, [eth(ipv4(struct.pack("!HHHH", 5000, 4789, 16 + len(p) + 14, 0) + b"\x08\0\0\0\0\0\1\0" + eth(p), 17)) for p in talk()]))
put("frames", "ip-in-ip", framed(101, [ipv4(ipv4(p, 4), 4) for p in talk()]))
whole = tcp(40000, 80, 1, 1, 24, REQ)
put("frames", "fragments", framed(101, [ipv4(whole[80:], frag=10), ipv4(whole[:80], frag=0x2000), ipv4(whole[72:160], frag=0x2009)]))
put("frames", "udp-dns", framed(101, [ipv4(struct.pack("!HHHH", 5000, 53, 20, 0) + bytes(12), 17)]))
put("frames", "wifi-radiotap", framed(127, [b"\0\0\x08\0\0\0\0\0\x08\x02" + bytes(22) + b"\xaa\xaa\x03\0\0\0\x08\0" + p for p in talk()]))



def summed(p, off=0):
    """A packet of IPv4 and TCP with the sum that its segment should have, or another one."""
    seg = p[20:36] + b"\0\0" + p[38:]
    all_ = p[12:20] + struct.pack("!HH", 6, len(seg)) + seg + bytes(len(seg) % 2)
    t = sum(struct.unpack(f"!{len(all_) // 2}H", all_))
    while t >> 16:
        t = (t & 0xFFFF) + (t >> 16)
    return p[:36] + struct.pack("!H", (~t + off) & 0xFFFF) + p[38:]


def udp(sp, dp, data):
    return struct.pack("!HHHH", sp, dp, 8 + len(data), 0) + data


def capwap(f, flags=0, at=0):
    return ipv4(udp(50000, 5247, bytes([0, 2 << 3, 0x43, flags]) + struct.pack("!HH", 7, at) + f), 17)


def esp(p, nxt=4):
    pad = -(len(p) + 2) % 4
    return struct.pack("!II", 4097, 1) + p + bytes(range(1, pad + 1)) + bytes([pad, nxt]) + bytes(12)


data11 = b"\x88\x01" + bytes(22) + b"\0\0\xaa\xaa\x03\0\0\0\x08\0"
cut = data11 + list(talk())[3]
put("frames", "capwap", framed(101, [capwap(data11 + p) for p in talk()] + [capwap(cut[:64], 0x80), capwap(cut[64:], 0xC0, 64)]))
put("frames", "lwapp", framed(101, [ipv4(udp(5000, 12222, b"\0\0" + struct.pack("!HH", len(data11) + len(p), 1) + b"\x01\x88" + data11[2:] + p), 17) for p in talk()]))
put("frames", "gue-fou", framed(101, [ipv4(udp(5000, 6080, b"\0\4\0\0" + ipv4(p, 4)), 17) for p in talk()] + [ipv4(udp(5000, 5555, p), 17) for p in talk()]))
put("frames", "esp-null", framed(101, [ipv4(esp(summed(p)[20:], 6), 50) for p in talk()] + [ipv4(udp(4500, 4500, esp(ipv6(p[20:]), 41)), 17) for p in talk()]))
put("frames", "mesh", framed(105, [b"\x88\x03" + bytes(28) + b"\0\1\1\x1f\1\0\0\0" + bytes(6) + b"\xaa\xaa\x03\0\0\0\x08\0" + p for p in talk()]))
put("frames", "docsis", framed(143, [b"\1\2\0\0ab\0\0" + eth(p) for p in talk()]))
put("frames", "isl", framed(1, [b"\1\0\x0c\0\0\0" + bytes(8) + b"\xaa\xaa\x03" + bytes(9) + eth(p) for p in talk()]))
sums = [summed(p) for p in talk()]
put("frames", "sums", framed(101, sums[:3] + [summed(sums[3][:40] + b"X" * 100, 1)] + sums[3:5] + [summed(list(talk())[5], 1)] + sums[5:]))
hello = b"\x16\3\1\0\x30\1\0\0\x2c\3\3" + bytes(34) + b"\0\2\x13\1\1\0\0\0\0"
before = b"\x12\1\0\x1a\0\0\1\0\0\0\x0b\0\6\1\0\x11\0\1\xff" + bytes(7)
tds = lambda b: b"\x12\1" + struct.pack("!H", 8 + len(b)) + b"\0\0\1\0" + b
both = [before, tds(hello[:20]) + tds(hello[20:]), b"\x17\3\3\0\4abcd"]
seqs = [sum(map(len, both[:n])) for n in range(3)]
put("frames", "tds", framed(101, [ipv4(tcp(40000, 1433, 1 + at, 1, 24, b)) for at, b in zip(seqs, both)] + [ipv4(tcp(1433, 40000, 1 + at, 1, 24, b)) for at, b in zip(seqs, both)]))

put("segments", "in-order", b"".join(bytes([0, 0, len(p)]) + p for p in (REQ[:120], REQ[120:])) + bytes([1, 0, len(RESP)]) + RESP)
put("segments", "overlap-and-gap", bytes([0, 0, 60]) + REQ[:60] + bytes([0, 0xE2, 90]) + REQ[30:120] + bytes([0, 20, 40]) + REQ[140:180] + bytes([1, 0, len(RESP)]) + RESP + bytes([5, 0, 0, 4, 0, 0]))
put("segments", "sums", bytes([0x20, 0, 0]) + bytes([0x80, 0, 120]) + b"X" * 120 + bytes([0x20, 0x88, 120]) + REQ[:120] + bytes([0x80, 0, len(REQ) - 120]) + REQ[120:] + bytes([0x21, 0, len(RESP)]) + RESP + bytes([0x24, 5, 0, 0x20, 0, 3]) + b"abc")
put("segments", "keep-alive-and-reset", bytes([0, 0xFF, 1]) + b"G" + bytes([1, 3, 5]) + b"hello" + bytes([0x10, 0, 0]) + bytes([2, 127, 3]) + b"abc")

T = {
    "chunked": REQ + b"\0" + RESP,
    "pipelined": b"GET /1 HTTP/1.1\r\nHost: a\r\n\r\nHEAD /2 HTTP/1.1\r\nHost: a\r\n\r\nGET /3 HTTP/1.0\r\n\r\n\0HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nHTTP/1.0 200 OK\r\n\r\nto the end",
    "continue": b"POST /u HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\nabc\0HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n",
    "connect": b"CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\nGET / HTTP/1.1\r\nHost: b\r\n\r\n\0HTTP/1.1 200 OK\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
    "upgrade": b"GET /ws HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: eA==\r\n\r\n\x81\x85abcd\x09\x07\x0f\x08\x0e\0HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n\x81\5hello",
    "smuggled": b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nTransfer-Encoding : chunked\r\nTransfer-Encoding: identity, chunked\r\n\r\n5c\r\nGPOST\r\n0\r\n\r\n\0HTTP/1.1 200\r\nContent-Length: 1, 1\r\nContent-Length: 2\r\n\r\nx",
    "simple": b"GET /old\r\n\0<html>plain</html>",
    "folded": b"GET /f HTTP/1.1\nHost: a\nX: a\n b\n\tc\n:none\nname only\n\n\0HTTP/1.1 200 \nContent-Length: 0\n\n",
    "tls": b"\x16\3\1\0\x30\1\0\0\x2c\3\3" + bytes(34) + b"\0\2\x13\1\1\0\0\0\0" + b"\0\x16\3\3\0\2\2\0",
    "middle": b"ken=1&b=2\0TTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nabcdHTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n",
}
for name, data in T.items():
    put("http1", name, data)


def h2(kind, flags, stream, payload=b""):
    return len(payload).to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big") + payload


def lit(name, value, first=0):
    return bytes([first, len(name)]) + name + bytes([len(value)]) + value


def turns(*pieces):
    return b"".join(bytes([what]) + len(b).to_bytes(2, "big") + b for what, b in pieces)


OPEN = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + h2(4, 0, 0, b"\0\3\0\0\0\x64\0\4\0\1\0\0")
GREET = h2(4, 0, 0, b"\0\5\0\0\x40\0") + h2(4, 1, 0)
ASK = b"\x82\x86\x84\x41\x8c\xf1\xe3\xc2\xe5\xf2\x3a\x6b\xa0\xab\x90\xf4\xff"
H = {
    "plain": turns((0, OPEN + h2(1, 5, 1, ASK)), (1, GREET + h2(1, 4, 1, b"\x88" + lit(b"etag", b"x", 0x40)) + h2(0, 1, 1, b"body"))),
    "interleaved": turns((0, OPEN + h2(1, 4, 1, b"\x83\x84") + h2(1, 5, 3, b"\x82\x84") + h2(0, 1, 1, b"up")), (9, GREET + h2(1, 4, 3, b"\x88") + h2(0, 0, 3, b"a") + h2(1, 4, 1, b"\x88") + h2(0, 1, 3, b"b") + h2(0, 1, 1, b"c"))),
    "padded-continued": turns((0, OPEN + h2(1, 0x29, 1, b"\3\0\0\0\0\x0f\x82\0\0\0") + h2(9, 0, 1, b"\x84") + h2(9, 4, 1, b"\x41\1h")), (1, GREET + h2(1, 4, 1, b"\x88") + h2(0, 9, 1, b"\4data\0\0\0\0"))),
    "push-trailers": turns((0, OPEN + h2(1, 5, 1, b"\x82\x84")), (1, GREET + h2(5, 4, 1, b"\0\0\0\2\x82\x85") + h2(1, 4, 1, b"\x88") + h2(0, 0, 1, b"x") + h2(1, 5, 1, lit(b"grpc-status", b"0")) + h2(1, 4, 2, b"\x88") + h2(0, 1, 2, b"y"))),
    "resets": turns((0, OPEN + h2(1, 5, 1, b"\x82\x84") + h2(1, 4, 3, b"\x83\x84") + h2(3, 0, 3, b"\0\0\0\x08")), (1, GREET + h2(1, 4, 1, b"\x88") + h2(3, 0, 1, b"\0\0\0\2") + h2(7, 0, 0, bytes(8)))),
    "midstream": turns((0, h2(1, 5, 101, b"\x82\xbe\xbf\x40\1a\1b")), (1, h2(1, 4, 101, b"\x88\xc0") + h2(0, 1, 101, b"late")), (0, h2(1, 5, 103, b"\x82\xbe\xc0"))),
    "lost": turns((0, OPEN + h2(1, 5, 1, ASK)), (1, GREET), (3, h2(1, 4, 1, b"\x88")), (1, h2(0, 1, 1, b"body")), (0, h2(1, 5, 3, b"\x82\x84\xbe")), (1, (h2(1, 4, 3, b"\x88") + h2(0, 1, 3, b"0123456789"))[:15]), (3, b"3456"), (1, b"789")),
    "bomb": turns((0, OPEN + h2(1, 5, 1, b"\x82\x84\x40\1x\x7f\x81\x1e" + b"v" * 4000 + b"\xbe" * 1200))),
    "upgrade": turns((0, b"GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n\r\n"), (1, b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n" + GREET + h2(1, 5, 1, b"\x89")), (0, OPEN)),
}
for name, data in H.items():
    put("http2", name, data)

rows = b'[{"id":1,"name":"\\u738b","card":"4111111111111111"}]' * 20


def ws_frame(first, data, masked):
    n = len(data)
    size = bytes([n]) if n < 126 else b"\x7e" + struct.pack("!H", n)
    size = bytes([size[0] | (0x80 if masked else 0)]) + size[1:]
    key = b"\x37\xfa\x21\x3d"
    body = bytes(b ^ key[i & 3] for i, b in enumerate(data)) if masked else data
    return bytes([first]) + size + (key if masked else b"") + body


def ws_turns(how, list_):
    return bytes([how]) + b"".join(struct.pack("!H", len(f) | (0x8000 if side else 0)) + f for side, f in list_)


def deflated(datas, takeover=True):
    z = zlib.compressobj(9, zlib.DEFLATED, -15)
    for d in datas:
        if not takeover:
            z = zlib.compressobj(9, zlib.DEFLATED, -15)
        yield (z.compress(d) + z.flush(zlib.Z_SYNC_FLUSH))[:-4]


words = [b'{"op":"list","page":1}', b'{"rows":[{"phone":"13812345678","name":"Li"}]}' * 4]
put("websocket", "plain", ws_turns(0, [(0, ws_frame(0x81, words[0], True)), (1, ws_frame(0x81, words[1], False)), (1, ws_frame(0x82, bytes(range(200)), False)), (0, ws_frame(0x88, b"\x03\xe8bye", True))]))
put("websocket", "fragments", ws_turns(0, [(0, ws_frame(0x01, b"ab", True) + ws_frame(0x89, b"ping", True) + ws_frame(0x00, b"cd", True)), (1, ws_frame(0x8A, b"ping", False)), (0, ws_frame(0x80, b"ef", True))]))
put("websocket", "deflate", ws_turns(1, [(1, ws_frame(0xC1, d, False)) for d in deflated(words * 3)]))
put("websocket", "deflate-fresh", ws_turns(2, [(0, ws_frame(0xC1, d, True)) for d in deflated(words * 3, False)]))
put("websocket", "deflate-fragments", ws_turns(1, [(1, ws_frame(0x41, d[:5], False) + ws_frame(0x89, b"", False) + ws_frame(0x80, d[5:], False)) for d in deflated(words)]))
put("websocket", "middle", ws_turns(4, [(0, ws_frame(0x81, words[0], True)), (1, ws_frame(0x81, words[1], False)), (1, ws_frame(0xC1, next(deflated(words)), False))]))
put("websocket", "bad", ws_turns(0, [(0, ws_frame(0xB3, b"x", False)), (1, ws_frame(0x80, b"y", True)), (1, b"\x81\x7f" + b"\xff" * 8 + b"zzz"), (1, ws_frame(0x81, b"after", False)), (0, b"\x81\xfe\0\1\0\0\0\0q")]))

put("decode", "gzip", b"\0" + gzip.compress(rows, mtime=0))
put("decode", "deflate", b"\1" + zlib.compress(rows))
raw = zlib.compressobj(9, zlib.DEFLATED, -15)
put("decode", "deflate-raw", b"\1" + raw.compress(rows) + raw.flush())
put("decode", "brotli", b"\2" + bytes.fromhex("8b0280") + b"hello\x03")
put("decode", "zstd", b"\3" + bytes.fromhex("28b52ffd") + b"\x20\5\x29\0\0hello")
put("decode", "twice", b"\x40" + gzip.compress(gzip.compress(rows, mtime=0), mtime=0))
put("decode", "identity", b"\5" + rows)
put("decode", "members", b"\0" + gzip.compress(b"a" * 99, mtime=0) + gzip.compress(b"b", mtime=0))


def field(n, v):
    return bytes([n << 3 | 2, len(v)]) + v


def grpc_frame(flags, m):
    return struct.pack("!BI", flags, len(m)) + m


PERSON = field(1, b"11010519491231002X") + field(2, field(3, b"13812345678") + b"\x08\x96\x01") + b"\x20\xce\xb2\xa6\xea\x33" + field(5, field(1, b"a")) + field(5, field(1, b"bc")) + b"\x31" + struct.pack("<d", 39.9) + b"\x3d\1\0\0\0\x43\x08\1\x44"

person = '{"data":{"items":[{"userName":"\u738b\u5c0f\u660e","idCard":"11010519491231002X","mobile":"13812345678","email":"a@b.example","addr":"1 Main St","birth":"1949-12-31","pwd":"s3cret!"}]}}'
nested = '{"a":"%s","b":"%s","c":"\\u0031\\u0033812345678","d":"138****5678","e":"%s"}' % (
    base64.b64encode(person.encode()).decode(), base64.b64encode(gzip.compress(person.encode(), mtime=0)).decode(), person.encode().hex())
S = {
    "json": b"\0" + person.encode(),
    "json-nested": b"\0" + nested.encode(),
    "json-deep": b"\0" + b"[" * 200 + b'{"a":' * 80 + b"1",
    "ndjson": b"\1" + (person + "\n" + nested + "\n").encode(),
    "xml": b"\2" + b'<?xml version="1.0"?><a xmlns:x="u"><x:name b="13812345678">&lt;&#x4e2d;</x:name><![CDATA[4111 1111 1111 1111]]><!-- c --></a>',
    "html": b"\3" + b"<html><script>var a={'phone':'13812345678'}</script><table><tr><th>mobile<td>13812345678</table>",
    "form": b"\4" + b"mobile=138%31%32345678&name=%E7%8E%8B&password=p%40ss&a&=b",
    "multipart": b"\5" + b'--B\r\nContent-Disposition: form-data; name="idCard"\r\n\r\n11010519491231002X\r\n--B\r\nContent-Disposition: form-data; name="f"; filename="a.csv"\r\nContent-Type: text/csv\r\n\r\nname,tel\r\nx,13812345678\r\n--B--\r\n',
    "csv": b"\6" + '\ufeff\u59d3\u540d,\u624b\u673a,"card ""no"""\r\n\u738b,13812345678,4111-1111-1111-1111\r\n"a\nb",2\r\n'.encode(),
    "text": b"\7" + b"-----BEGIN RSA PRIVATE KEY-----\nMIIB\n-----END RSA PRIVATE KEY-----\nDE89370400440532013000 AKIAIOSFODNN7EXAMPLE 078-05-1120 a.b@c.example\n",
    "binary": b"\x08" + bytes(range(256)),
    "sse": b"\x09" + b': hi\n\nevent: a\ndata: {"phone":\ndata: "13812345678"}\n\ndata: tel 13912345678\n\n',
    "grpc": b"\x0a" + grpc_frame(0, PERSON) + grpc_frame(0, b'{"mobile":"13812345678"}') + grpc_frame(0x80, b"grpc-status: 0\r\n"),
    "protobuf": b"\x0b" + PERSON,
    "multipart-nested": b"\5" + b'--B\nContent-Disposition: form-data; name="m"\nContent-Type: multipart/mixed; boundary=C\n\n--C\nContent-Type: application/json\n\n{"mobile":"13812345678"}\n--C\nContent-Transfer-Encoding: base64\n\nMTM5MTIzNDU2Nzg=\n--C--\n--B--',
    "sniffed": b"\x0f" + person.encode("utf-16"),
}
for name, data in S.items():
    put("scan", name, data)

put("logs", "combined", '10.1.2.3 - li.bo [10/Oct/2026:13:55:36 +0800] "GET /a?phone=13812345678 HTTP/1.1" 200 2326 "http://r/" "UA \\"x\\"" 0.012 "id"\n::1 - - [10/Oct/2026:13:55:36 +0800] "-" 400 0 "-" "-"\n')
put("logs", "common", '10.1.2.3 - - [31/Feb/2026:25:61:61 -9999] "GET /%zz HTTP/1.0" 200 -\nhost:80 10.0.0.1 - - [01/Jan/2026:00:00:00 +0000] "\\x16\\x03" 400 1\n')
put("logs", "json", '{"@timestamp":"2026-10-10T01:02:03.5+08:00","remote_addr":"10.0.0.1","request":"GET /a HTTP/1.1","status":200,"http":{"request":{"method":"GET"}},"body_bytes_sent":"12"}\n{"time":1760000000.123,"method":"POST","uri":"/b","status":"500"}\n{"ts":"10/Oct/2026:01:02:03 +0000"\n')

for n, f in enumerate([
    'account:li.bo status>=400 and not (path~"/api/*" or host=a.example)', "level>=S3 time>=2026-10-08T12:30:00Z time<start+5m", "is:gap|no-response -method:GET,POST", "size>1.5MB records>=10",
    'body:/13[0-9]{9}/ "two words"', "src:10.0.0.0/8 dst:::1 flags:truncated", "a:b:c ((((x))))", "!x && y || z", "class:cn-id,bank-card", 'api:"GET a/b/{id}#x"',
]):
    put("filter", f"f{n}", f)

put("blobs", "zeros", bytes(40))
put("blobs", "ones", b"\1" * 60)
put("blobs", "varints", b"\1\2\3\1\5" + b"\xff" * 9 + b"\1" + bytes(range(64)))
put("text", "values", "11010519491231002X")
put("text", "phone", "+86 138-1234-5678")
put("text", "mail", "A.B+c@Example.ORG")
put("text", "jwt", "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhIn0.c2ln")
put("text", "odd", b"\xff\xfe\xe2\x80\xae\x1b[31m\0" + "\u738b\u5c0f\u660e e\u0301".encode())
put("text", "rules", '[[class]]\nname = "x-staff"\nlevel = "S2"\nlabel = "Staff"\nkeys = ["staff"]\npattern = "[A-Z]{2}[0-9]{6}"\n')


def entry(url, **more):
    r = {"method": "POST", "url": url, "httpVersion": "h2", "headers": [{"name": ":authority", "value": "a.example"}, {"name": "Cookie", "value": "a=1"}],
         "bodySize": 7, "postData": {"mimeType": "application/json", "text": "{\"a\":1}"}}
    a = {"status": 200, "statusText": "OK", "httpVersion": "HTTP/1.1", "headers": [{"name": "Set-Cookie", "value": "a=1\nb=2"}],
         "content": {"size": 5, "mimeType": "text/plain", "text": base64.b64encode(b"hello").decode(), "encoding": "base64"}, "bodySize": -1}
    return {"startedDateTime": "2026-03-01T10:00:00.123Z", "time": 12.5, "request": r, "response": a, "serverIPAddress": "[::1]", "_webSocketMessages": [{}], **more}


def har(entries):
    return json.dumps({"log": {"version": "1.2", "creator": {"name": "x"}, "pages": [{"id": "]"}], "entries": entries}})


plain = entry("https://a.example:8443/v1/x?a=1#f")
put("har", "two", har([plain, entry("http://a.example", response={"status": 0})]))
put("har", "left-out", har([entry("http://h/", response={"status": 200, "content": {"size": 9}}), entry("data:x"), {"a": 1}]))
put("har", "latin1", har([entry("http://h/", response={"status": 200, "content": {"size": 3, "text": "\u00e9\u00ff\u0001"}})]))
put("har", "broken", har([plain, plain, plain]).replace("h2", "h2\"", 1))
put("har", "cut", har([plain, plain])[:-200])


def tnet(v):
    if isinstance(v, dict):
        b, t = b"".join(tnet(k) + tnet(x) for k, x in v.items()), b"}"
    elif isinstance(v, (list, tuple)):
        b, t = b"".join(map(tnet, v)), b"]"
    elif v is None:
        b, t = b"", b"~"
    elif isinstance(v, bool):
        b, t = str(v).lower().encode(), b"!"
    elif isinstance(v, int):
        b, t = str(v).encode(), b"#"
    elif isinstance(v, float):
        b, t = repr(v).encode(), b"^"
    else:
        b, t = (v.encode(), b";") if isinstance(v, str) else (v, b",")
    return str(len(b)).encode() + b":" + b + t


fields = [[b"Host", b"a.example"], [b"Content-Length", b"5"]]
flow = {"version": 21, "type": "http", "request": {"http_version": b"HTTP/1.1", "headers": fields, "content": b"", "timestamp_start": 1772359200.25, "host": "a.example",
        "port": 443, "method": b"GET", "scheme": b"https", "authority": b"", "path": b"/a?x=1", "trailers": [[b"a", b"b"]]},
        "response": {"http_version": b"HTTP/2.0", "headers": fields, "content": b"hello", "timestamp_start": 1772359200.5, "timestamp_end": 1772359201.0, "status_code": 200, "reason": b"OK"},
        "client_conn": {"peername": ["10.0.0.9", 51000]}, "server_conn": {"peername": ["::1", 443, 0, 0]}, "websocket": {"messages": [[1, True, b"x", 1.0, False, False]]}}
old = {b"version": [0, 13], b"request": {b"httpversion": [1, 0], b"method": b"PUT", b"path": b"/old", b"host": b"h", b"port": 80, b"scheme": b"http", b"content": b"x=1", b"headers": [],
       b"timestamp_start": 1400000000.5}, b"response": {b"code": 404, b"msg": b"no", b"content": None, b"headers": fields}, b"client_conn": {b"address": {b"address": [b"10.0.0.9", 5]}}}
put("mitmproxy", "new", tnet(flow) * 2)
put("mitmproxy", "old", tnet(old))
put("mitmproxy", "tcp", tnet({"type": "tcp", "version": 21, "client_conn": {}}) + tnet(flow))
put("mitmproxy", "junk", tnet(flow) + b"9999:7:version;" + tnet(flow))
put("mitmproxy", "deep", b"21:" + b"1:" * 9 + b"]]}")


def item(req, resp, coded=True):
    data = lambda b: f'base64="{"true" if coded else "false"}"><![CDATA[{base64.b64encode(b).decode() if coded else b.decode()}]]>'
    return (f'<item><time>Sun Mar 01 10:00:00 CET 2026</time><url><![CDATA[https://a.example/a]]></url><host ip="10.0.0.2">a.example</host><port>443</port><protocol>https</protocol>'
            f'<request {data(req)}</request><status>200</status><response {data(resp)}</response><comment>a &amp; b</comment></item>\n')


def burp(items):
    return f'<?xml version="1.0"?>\n<!DOCTYPE items [<!ELEMENT items (item*)>]>\n<items burpVersion="2024.1" exportTime="x">\n{items}</items>\n'


put("burp", "coded", burp(item(REQ, RESP) * 2))
put("burp", "plain", burp(item(b"GET / HTTP/1.1\r\n\r\n", b"HTTP/1.1 200 OK\r\n\r\n<item></item>", False)))
put("burp", "open", burp(item(REQ, RESP).replace("]]></response>", "") + item(REQ, RESP)))

text = (b"some text that repeats, some text that repeats. " * 40)
put("unpack", "gz", gzip.compress(text, mtime=0))
put("unpack", "gz-members", gzip.compress(text, mtime=0) + gzip.compress(b"more", mtime=0))
put("unpack", "xz", lzma.compress(text))
put("unpack", "xz-streams", lzma.compress(text, check=lzma.CHECK_SHA256) + bytes(4) + lzma.compress(text, filters=[{"id": lzma.FILTER_DELTA, "dist": 4}, {"id": lzma.FILTER_LZMA2}]))
put("unpack", "bz2", bz2.compress(text) + bz2.compress(text))
put("unpack", "gz-in-bz2", bz2.compress(gzip.compress(text, mtime=0)))
# one stored block in a frame, after a skippable one; no library needed
lz4 = struct.pack("<IBBB", 0x184D2204, 0x60, 0x40, 0x82) + struct.pack("<I", 0x80000000 | len(text)) + text + bytes(4)
put("unpack", "lz4", struct.pack("<II", 0x184D2A51, 3) + b"abc" + lz4)

line = b'10.0.0.1 - - [10/Oct/2023:13:55:36 +0000] "GET /a HTTP/1.1" 200 12 "-" "curl"\n'


def tarred(form, files, **more):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=form) as t:
        for name, data in files:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            info.pax_headers = more
            t.addfile(info, io.BytesIO(data))
    blocks = out.getvalue()
    return blocks[: (len(blocks.rstrip(bytes(1))) + 511) // 512 * 512] + bytes(1024)


class Pipe:
    """Cannot be sought in: sizes stand behind the members."""

    def __init__(self):
        self.bytes = b""

    def write(self, data):
        self.bytes += data
        return len(data)

    def flush(self):
        pass


def zipped(files, method=zipfile.ZIP_DEFLATED, stream=False, wide=False):
    out = Pipe() if stream else io.BytesIO()
    with zipfile.ZipFile(out, "w") as z:
        for name, data in files:
            info = zipfile.ZipInfo(name)
            info.compress_type = method
            with z.open(info, "w", force_zip64=wide) as o:
                o.write(data)
    return out.bytes if stream else out.getvalue()


two = [("a.log", line * 3), ("b" * 120 + "/c", line)]
put("archive", "ustar", tarred(tarfile.USTAR_FORMAT, two))
put("archive", "gnu", tarred(tarfile.GNU_FORMAT, two + [("d" * 300, line)]))
put("archive", "pax", tarred(tarfile.PAX_FORMAT, two + [("\u540d" * 60, line)], comment="c"))
put("archive", "tgz", gzip.compress(tarred(tarfile.USTAR_FORMAT, two), mtime=0))
put("archive", "zip", zipped(two))
put("archive", "zip-stored", zipped(two, zipfile.ZIP_STORED))
put("archive", "zip-stream", zipped(two, stream=True, wide=True))
put("archive", "zip-no-directory", zipped(two, stream=True)[:-190])
put("archive", "zip-in-tar", tarred(tarfile.USTAR_FORMAT, [("x.zip", zipped(two))]))
put("archive", "tar-in-zip", zipped([("x.tar", tarred(tarfile.USTAR_FORMAT, two))]))

zeek = "#separator \\x09\n#unset_field\t-\n#path\thttp\n#fields\tts\tuid\tid.orig_h\tid.orig_p\tid.resp_h\tid.resp_p\tmethod\thost\turi\tstatus_code\n1772359200.5\tC1\t10.0.0.1\t5\t10.0.0.2\t80\tGET\th\t/a\\x09b\t200\n#close\tx\n"
put("logs", "zeek", zeek)
put("logs", "zeek-json", '{"ts":1591367999.3,"uid":"C5","id.orig_h":"10.0.0.1","id.orig_p":4,"id.resp_h":"10.0.0.2","id.resp_p":80,"trans_depth":1,"method":"GET","host":"h","uri":"/","status_code":200}\n')
put("logs", "eve", '{"timestamp":"2026-03-01T10:00:00.5+0100","event_type":"http","src_ip":"10.0.0.1","src_port":4,"dest_ip":"10.0.0.2","dest_port":80,"http":{"hostname":"h","http_port":81,"url":"/x","http_method":"GET","status":200,"length":3}}\n{"event_type":"dns","timestamp":"2026-03-01T10:00:00.5+0100"}\n')
# a log of each format, as the tests have them: the first of a kind, by its name, so that more of them move no others
written, kind = {}, None
with open(os.path.join(HERE, "../../tests/fixtures/logs/written.txt"), encoding="utf-8") as f:
    for line in f.read().split("\n"):
        if line.startswith("=== "):
            kind = line[4:] if line[4:] not in written else None
            written.setdefault(line[4:], [])
        elif kind and line and not line.startswith("-->"):
            written[kind].append(line + "\n")
for kind, lines in written.items():
    put("logs", f"written-{kind}", "".join(lines))
put("log_format", "nginx", "log_format a escape=json '{\"t\":\"$time_iso8601\",\"r\":\"$request\",'\n '\"s\":$status}';\0" + '{"t":"2026-03-01T02:00:00Z","r":"GET /a HTTP/1.1","s":200}\n')
put("log_format", "string", '${remote_addr} [$time_local] "$request" $status $upstream_addr $scheme://$host$request_uri\0' + '10.0.0.1 [01/Mar/2026:02:00:00 +0000] "GET / HTTP/1.1" 200 10.0.0.2:80, 10.0.0.3:80 http://h/a\n')
put("log_format", "apache", 'LogFormat "%v %h %{%Y-%m-%d}tT%{%H:%M:%S}t.%{usec_frac}t \\"%r\\" %>s %{ms}T %{X-Request-Id}i %U%q" own\0' + 'h 10.0.0.1 2026-03-01T02:00:00.5 "GET / HTTP/1.1" 200 5 abcdefgh /?a\n')
put("log_format", "envoy", '[%START_TIME%] "%REQ(:METHOD)% %REQ(X-ENVOY-ORIGINAL-PATH?:PATH)% %PROTOCOL%" %RESPONSE_CODE%\0[2026-03-01T02:00:00Z] "GET / HTTP/2" 200\n')
put("log_format", "haproxy", 'log-format "%ci:%cp [%tr] %ST %{+Q}r %[capture.req.hdr(0)]"\0' + '10.0.0.1:5 [01/Mar/2026:02:00:00.5] 200 "GET / HTTP/1.1" x\n')
put("log_format", "gunicorn", '%(h)s %(t)s "%(r)s" %(s)s %({x-request-id}i)s\0' + '10.0.0.1 [01/Mar/2026:02:00:00 +0000] "GET / HTTP/1.1" 200 abcdefgh\n')
for kind in ["line = 'json'\nhas = ['a.b', 'k=v*']\n[fields]\n'start:ms' = 'a.b'\nuri = ['u', 'v.w']\0" + '{"a":{"b":"1772330400123"},"k":"vx","v":"{\\"w\\":\\"/x\\"}"}\n',
             "line = 'csv'\ndelimiter = ';'\ncall = 'session'\n[fields]\nstart = 'von'\nhost = 'wo'\nuser = 'wer'\0von;wo;wer\n2026-03-01T02:00:00Z;\"a\"\"b\";amy\n",
             "line = 'text'\nspaces = true\npattern = ['{time:%d.%m.%Y %H:%M:%S} {src} {{{method}}} {uri}', '{time} {request}']\0" + "01.03.2026 02:00:00   10.0.0.1 {GET} /a\n",
             "line = 'pairs'\n[fields]\ntime = 't'\nrequest = 'r'\0t=2026-03-01T02:00:00Z r=\"GET / HTTP/1.1\" x=1\n"]:
    put("log_format", kind.split("'")[1], kind)
GQL = 'query GetUser($id: ID! = 1) @x { u: user(id: $id, f: {a: [1, "}"]}) { name ...F } ... on Query { me { id } } } fragment F on User { tel } # end'
O = {
    "graphql": "application/json\n/graphql\n" + '{"operationName":"GetUser","query":"%s","extensions":{"persistedQuery":{"sha256Hash":"ab"}}}' % GQL.replace('"', '\\"'),
    "graphql-document": "application/graphql\n/\n" + GQL,
    "graphql-get": "\n/graphql?query=%7Bme%7Bid%7D%7D&operationName=A&extensions=%7B%22persistedQuery%22%3A%7B%22sha256Hash%22%3A%22ab%22%7D%7D\n",
    "graphql-upload": 'multipart/form-data\n/graphql\n--b\nContent-Disposition: form-data; name="operations"\n\n[{"query":"{a}"}]\n--b--',
    "json-rpc": 'application/json\n/\n[{"jsonrpc":"2.0","method":"a.b","id":1},{"jsonrpc":"2.0","result":1}]',
    "soap": 'text/xml\n/\n<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope"><s:Body><m:Get/></s:Body></s:Envelope>',
    "xml-rpc": "text/xml\n/\n<methodCall><methodName>a</methodName></methodCall>",
    "odata": "multipart/mixed\n/odata/$batch\n--b\nContent-Type: application/http\n\nGET Customers('A')?$top=1 HTTP/1.1\n\n--b--",
    "dispatch": 'application/json\n/x?action=list&page=1\n{"header":{"transCode":"200301"},"service":"user","a":{"b":[1]}}',
    "form": "application/x-www-form-urlencoded\n/x\nmethod=user.get&cmd=a%20b",
}
for name, data in O.items():
    put("operation", name, data)
put("protobuf", "plain", b"\0" + grpc_frame(0, PERSON) + grpc_frame(0, PERSON))
put("protobuf", "gzip", b"\1" + grpc_frame(1, gzip.compress(PERSON, mtime=0)))
put("protobuf", "text", b"\2" + base64.b64encode(grpc_frame(0, PERSON)) + base64.b64encode(grpc_frame(0x80, b"grpc-status: 5\r\n")))
put("protobuf", "typed", b"\0" + grpc_frame(0, field(1, b"x") + field(2, field(1, b"y")) + field(4, b"\1\2\x96\1") + field(5, field(1, b"k") + field(2, b"")) + b"\x31" + bytes(8) + b"\x40\3\x4d\0\0\0\0\x50\1"))
put("schema", "proto", 'syntax = "proto3"; package a.b; import "c.proto"; option (x) = { y: 1 }; message M { reserved 1 to 5; oneof o { string s = 6 [deprecated = true]; } map<int32, N> m = 7; message N { enum E { A = 0; } E e = 1; } repeated group G = 8 { optional int32 i = 1; } extensions 100 to max; } service S { rpc Do (stream M) returns (M.N) { option (h) = { get: "/v1" }; } } extend M { bool b = 100; }')
put("schema", "set", field(1, field(2, b"p") + field(4, field(1, b"M") + field(2, field(1, b"id") + b"\x18\1\x20\1\x28\x09")) + field(6, field(1, b"S") + field(2, field(1, b"Do") + field(2, b".p.M") + field(3, b".p.M")))))
put("parts", "form", S["multipart-nested"][1:])
put("parts", "events", S["sse"][1:])

FIXTURES = os.path.join(HERE, "../../tests/fixtures")


def packets(name):
    """Ends and payload of every TCP segment or datagram in a capture of Ethernet or raw IPv4."""
    with open(f"{FIXTURES}/{name}", "rb") as f:
        data = f.read()
    link, at = struct.unpack_from("<I", data, 20)[0], 24
    while at < len(data):
        n = struct.unpack_from("<I", data, at + 8)[0]
        p, at = data[at + 16 + (14 if link == 1 else 0):at + 16 + n], at + 16 + n
        size, total = (p[0] & 15) * 4, struct.unpack_from("!H", p, 2)[0]
        ends, rest = struct.unpack_from("!HH", p, size), p[size:total]
        yield ends, rest[8:] if p[9] == 17 else rest[(rest[12] >> 4) * 4:]


def talks(name):
    """Payloads of each connection or flow in order, each with whether the server sent it; the client is who began."""
    out = {}
    for (a, b), payload in packets(name):
        key = (b, a) if (b, a) in out else (a, b)
        out.setdefault(key, [])
        if payload:
            out[key].append((int(key != (a, b)), payload))
    return out


def handshake(talk, side):
    """Handshake messages in the clear of one side."""
    data, out, at = b"".join(p for s, p in talk if s == side), b"", 0
    while data[at:at + 1] == b"\x16" and at + 5 <= len(data):
        n = struct.unpack_from("!H", data, at + 3)[0]
        out, at = out + data[at + 5:at + 5 + n], at + 5 + n
    while len(out) >= 4 and 4 + int.from_bytes(out[1:4], "big") <= len(out):
        n = 4 + int.from_bytes(out[1:4], "big")
        yield out[0], out[4:n]
        out = out[n:]


with open(f"{FIXTURES}/tls.keys") as f:
    KEYS = [line for line in f.read().splitlines() if line and not line.startswith("#")]
for (client, server), talk in talks("tls.pcap").items():
    small = sum(len(p) for _, p in talk)
    if small > 12000:
        continue
    for side in (0, 1):
        for kind, body in handshake(talk, side):
            if kind in (1, 2, 11):
                put("hello", f"{server}-{kind}", body)
                if kind == 1:
                    random = body[2:34].hex()
    log = "\n".join(line for line in KEYS if random in line.lower())
    put("tls", f"{server}-{client % 4}", log.encode() + b"\0" + turns(*talk))
put("hello", "extensions", b"\0\x0f\0\x10\0\5\0\3\2h2\0\x2a\0\0\0\0\0\0")
put("tls", "closed", b"\0" + turns((0, T["tls"].split(b"\0\x16")[0]), (1, b"\x16\3\3\0\2\2\0")))
put("tls", "ssl3", b"\0" + turns((0, b"\x16\3\0\0\x2d\1\0\0\x29\3\0" + bytes(33) + b"\0\2\0\5\1\0")))
R, M = "ab" * 32, "0c" * 48
put("keylog", "forms", f"# c\r\nCLIENT_RANDOM {R} {M}\nRSA 0102030405060708 {M}\nRSA Session-ID:{'11' * 5} Master-Key:{M}\nCLIENT_TRAFFIC_SECRET_0 {R} {R}\nEXPORTER_SECRET {R} {R}\nPMS_CLIENT_RANDOM {R} 00")
put("keylog", "same", "".join(f"CLIENT_RANDOM {R} {n:02x}{M[2:]}\n" for n in range(9)))
put("keylog", "pem", "-----BEGIN RSA PRIVATE KEY-----\nMBsCAQACAQ8CAQMCAQMCAQUCAQMCAQECAQECAQI=\n-----END RSA PRIVATE KEY-----\n")

for n, talk in enumerate(talks("quic.pcap").values()):
    put("quic", f"talk-{n}", b"\0" + turns(*talk[:6]))
put("quic", "short-twice", bytes(12) + b"\7\1" + bytes(6) + b"\4\2n")
put("quic", "negotiation", b"\0" + turns((1, b"\x9a\0\0\0\0\2cl\x08first-id\x5a\x6a\x7a\x8a\0\0\0\1")))
put("quic", "frames", b"\1" + b"\2\5\0\1\0\3\4\6\4\3bcd\1\0\0\6\0\4\1\0\0\5\6\7\2ef\x1c\0\6\2no")

put("socks", "five", turns((0, b"\5\1\0"), (1, b"\5\0"), (0, b"\5\1\0\3\x09a.example\0\x50"), (1, b"\5\0\0\1\0\0\0\0\0\0"), (0, REQ), (1, RESP)))
put("socks", "password", turns((0, b"\5\2\0\2"), (1, b"\5\2"), (0, b"\1\4user\4pass"), (1, b"\1\0"), (0, b"\5\1\0\1\x0a\0\0\2\x1f\x90"), (1, b"\5\5\0\1\0\0\0\0\0\0")))
put("socks", "four", turns((0, b"\4\1\0\x50\0\0\0\1me\0a.example\0"), (1, b"\0\x5a\0\0\0\0\0\0"), (0, REQ), (1, RESP)))

put("clue", "table", 'name,"phone no"\tid\n\u738b,13812345678,11010519491231002X\n"a ""b""\nc",13912345678,\n'.encode())
put("clue", "lines", '{"phone":"13812345678","a":{"b":[1,"x"]}}\n{"phone":"13912345678"}\n')
put("clue", "array", '[{"email":"a@b.example"},["13812345678"],null,"x"]')
put("clue", "list", b"\xff\xfe" + "13812345678\r\n13912345678\r\n".encode("utf-16-le"))
put("clue", "id", "9f2c41ab03de-1204.1")
put("clue", "dump", "CREATE TABLE `u` (\n  `id` int NOT NULL,\n  phone varchar(20) DEFAULT 'a''b',\n  KEY `k` (`id`)\n);\nINSERT INTO `u` VALUES (1,'138\\'12345678'),(2,NULL),(3,X'4142');\nINSERT INTO u (phone, id) VALUES ('13912345678', 4);\n")
put("clue", "copy", "COPY public.users (id, phone, note) FROM stdin;\n1\t13812345678\ta\\tb\n2\t\\N\t\\x41\n\\.\n")
put("clue", "prose", "Offered: data of 20 people.\nSample: Wang Wei, 13812345678, 11010519491231002X\n> Li, 13912345678\n---\nprice 5")
put("clue", "pairs", "name: Wang\nphone: 13812345678\n\nname=Li\nphone=13912345678\n\n")
put("clue", "packed", gzip.compress(b"phone\n13812345678\n13912345678\n", mtime=0))
put("clue", "wide", "\u7535\u8bdd,\u59d3\u540d\n13812345678,\u738b\u4f1f\n".encode("gb18030"))


def zipped(**members):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as z:
        for name, (text, method) in members.items():
            z.writestr(zipfile.ZipInfo(name), text, method)
    return out.getvalue()


ROWS = '<worksheet><sheetData><row r="1"><c r="A1" t="s"><v>0</v></c><c r="B1" t="inlineStr"><is><t>phone</t></is></c></row><row r="4"><c r="A4" t="b"><v>1</v></c><c r="AA4"><f>1+1</f><v>13812345678</v></c></row></sheetData></worksheet>'
BOOK = zipped(**{"xl/workbook.xml": ("<workbook/>", 0), "xl/sharedStrings.xml": ("<sst><si><t>na&amp;me</t></si><si><r><t>a</t></r><r><t>b</t></r></si></sst>", 8), "xl/worksheets/sheet1.xml": (ROWS, 8), "xl/worksheets/sheet2.xml": (ROWS, 0)})
FILES = zipped(**{"a.csv": ("phone\n13812345678\n", 8), "b/": ("", 0), "b/c.txt": ("13912345678", 0)})
put("sheet", "book", BOOK)
put("sheet", "files", FILES)
put("clue", "book", BOOK)
put("clue", "files", FILES)

put("look", "plain", b"13812345678\ntel=138-1234-5678&x=MTM4MTIzNDU2Nzg%3D 138****5678 " + "".join(f"\\u{ord(c):04x}" for c in "13812345678").encode())
put("look", "digest", b"13812345678\n" + hashlib.md5(b"13812345678").hexdigest().encode() + b" " + base64.b64encode(hashlib.sha256(b"13812345678").digest()))
put("look", "packed", b"a@b.example\n" + gzip.compress(base64.b64encode(b'{"m":"a@b.example"}'), mtime=0))
put("look", "files", b"13912345678\n" + FILES)
put("look", "book", b"13812345678\n" + BOOK)

put("spec", "openapi", "openapi: 3.0.0\ninfo: {title: t, version: '1'}\nservers:\n- url: https://a.example/v1\npaths:\n  /users/{id}:\n    parameters: &p\n    - {name: id, in: path, required: true, schema: {type: integer}}\n    get: {operationId: u, parameters: *p, responses: {'200': {description: ok}}}\n")
put("spec", "swagger", json.dumps({"swagger": "2.0", "host": "a.example", "basePath": "/v1", "schemes": ["https"], "paths": {"/a": {"$ref": "#/x"}, "/b/{c}": {"post": {"operationId": "b"}}}, "x": {"get": {}}}))
put("spec", "postman", json.dumps({"info": {"name": "p"}, "item": [{"name": "f", "item": [{"name": "r", "request": {"method": "GET", "url": {"raw": "https://{{h}}/a/:id", "host": ["{{h}}"], "path": ["a", ":id"]}}}]}, {"name": "s", "request": "https://a.example/b"}]}))
put("spec", "list", "GET /users/{id}\nPOST https://a.example/login # in\n/any/*\n")
put("spec", "alias", "openapi: 3.0.0\na: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]\npaths: {/a: {get: {}}}\n")
put("profile", "small", 'id = "p"\ntitle = "P"\nmasked = 1\ndate = "2026-01-02"\nseveral = 2\nseveral_rise = 1\nmany = 100\nmany_rise = 1\ndefault = 2\n[levels]\nname = 3\n')

for name in sorted(os.listdir(os.path.join(HERE, "../../themes")))[:2]:
    with open(os.path.join(HERE, "../../themes", name), "rb") as f:
        put("theme", name.split(".")[0], f.read())


def b64(v):
    return base64.urlsafe_b64encode(json.dumps(v).encode()).rstrip(b"=").decode()


def http(start, body=b"", *heads):
    body = body if isinstance(body, bytes) else body.encode()
    return ("\r\n".join([start, *heads, f"Content-Length: {len(body)}"]) + "\r\n\r\n").encode() + body


def call(asked, told):
    return asked + b"\0" + told


def jwt(claims):
    return f"{b64({'alg': 'RS256', 'typ': 'JWT'})}.{b64(claims)}.c2lnbmF0dXJl"


OK = "HTTP/1.1 200 OK"
assertion = '<samlp:Response><saml:Assertion><saml:Subject><saml:NameID Format="urn:oasis:names:tc:SAML:2.0:nameid-format:transient">_77ab</saml:NameID></saml:Subject><saml:Attribute Name="urn:oid:mail"><saml:AttributeValue>a@x.example</saml:AttributeValue></saml:Attribute><saml:Attribute Name=\'uid\'><saml:AttributeValue xsi:type="s">alice</saml:AttributeValue></saml:Attribute></saml:Assertion></samlp:Response>'
for name, data in {
    "jwt": call(http("GET /me HTTP/1.1", b"", "Host: a", "Authorization: Bearer " + jwt({"sub": 7, "preferred_username": "alice", "act": {"sub": "svc", "act": {"client_id": "old"}}, "user": {"login": "al"}})), http(OK, '{"user":{"name":"Alice","id":7}}')),
    "login": call(http("POST /api/login HTTP/1.1", '{"username":"alice","password":"x"}', "Host: a"), http(OK, '{"code":0,"data":{"token":"%s"}}' % jwt({"sub": "alice", "client_id": "web"}), "Set-Cookie: sid=abcdef123456; Path=/; HttpOnly", "Content-Type: application/json")),
    "form": call(http("POST /login HTTP/1.1", "user=b%6Fb&pwd=x&csrf=1", "Host: a", "Content-Type: application/x-www-form-urlencoded"), http("HTTP/1.1 302 Found", b"", "Location: /home", "Set-Cookie: JSESSIONID=A1B2C3D4E5F6")),
    "saml": call(http("POST /saml/acs HTTP/1.1", b"RelayState=x&SAMLResponse=" + base64.b64encode(assertion.encode()).replace(b"+", b"%2B"), "Host: a", "Content-Type: application/x-www-form-urlencoded"), http("HTTP/1.1 302 Found", b"", "Location: /", "Set-Cookie: session=0123456789abcdef")),
    "oauth": call(http("POST /oauth/token HTTP/1.1", "grant_type=urn:ietf:params:oauth:grant-type:token-exchange&subject_token=%s&client_id=web&client_secret=s" % jwt({"upn": "carol"}), "Host: a"), http(OK, '{"access_token":"opaque-12345678","id_token":"%s","refresh_token":"r-12345678"}' % jwt({"email": "c@x.example"}))),
    "introspect": call(http("POST /oauth/introspect HTTP/1.1", "token=opaque-12345678", "Host: a", "Authorization: Basic d2ViOnNlY3JldA=="), http(OK, '{"active":true,"username":"carol","sub":"9","client_id":"web"}')),
    "digest": call(http("GET /x?api_key=0123456789abcdef HTTP/1.1", b"", "Host: a", 'Authorization: Digest username="dave", realm="r, s", nonce="n", uri="/x", response="0f"', "X-API-Key: k-1234567890", "Cookie: a=1; sid=abcdef123456; u=dave"), http("HTTP/1.1 401 Unauthorized", b"", 'WWW-Authenticate: Digest realm="r"')),
    "ntlm": call(http("GET /x HTTP/1.1", b"", "Host: a", "Authorization: NTLM " + base64.b64encode(b"NTLMSSP\0\3\0\0\0" + struct.pack("<HHI", 0, 0, 64) * 2 + struct.pack("<HHI", 4, 4, 64) + struct.pack("<HHI", 8, 8, 68) + bytes(20) + "DO".encode("utf-16le") + "erin".encode("utf-16le")).decode()), http(OK, "x")),
    "soap": call(http("POST /soap/Login HTTP/1.1", "<E><userName>erin</userName><password>x</password></E>", "Host: a", "Content-Type: text/xml"), http(OK, "<E><sessionId>0123456789abcdef</sessionId></E>", "Content-Type: text/xml")),
    "multipart": call(http("POST /session HTTP/1.1", '--b\r\nContent-Disposition: form-data; name="email"\r\n\r\ng@x.example\r\n--b\r\nContent-Disposition: form-data; name="password"\r\n\r\nx\r\n--b--\r\n', "Host: a", "Content-Type: multipart/form-data; boundary=b"), http("HTTP/1.1 201 Created", b"", "X-Auth-Token: 0123456789abcdef")),
    "failed": call(http("POST /login HTTP/1.1", '{"user":"x","password":"y"}', "Host: a") + http("POST /logout HTTP/1.1", b"", "Host: a", "Cookie: sid=abcdef123456"), http(OK, '{"success":false,"msg":"wrong password"}') + http("HTTP/1.1 204 No Content", b"", "Set-Cookie: sid=; Max-Age=0")),
}.items():
    put("credentials", name, data)
put("safe_text", "mixed", b"plain \x1b[31m\xe2\x80\xae\xff\xc3 \0\r\n\t" + "\u738b\u5c0f\u660e e\u0301 \U0001f468\u200d\U0001f469\u200d\U0001f467 \u0e01\u0e33 \u1112\u1161\u11ab".encode())
put("safe_text", "marks", "a".encode() + "\u0301".encode() * 40 + " \u0301b \ufe0f\u20e3 1\ufe0f\u20e3 \U0001f1e9\U0001f1ea\U0001f1e9".encode())
put("safe_text", "long", "one two three \u4e2d\u6587\u5b57\u7b26 four\u00adfive\u2028six seven eight nine ten eleven twelve ".encode() * 4)
put("safe_text", "hangul", ("\u1112" * 100 + " \u1112\u115d").encode())
