#!/usr/bin/env python3
"""Records QUIC between a real server and a real client (aioquic) on this network namespace's loopback. Run as
`unshare -n python3 quic.py OUT`. Writes OUT/quic.pcap and OUT/saved.jsonl: for each connection its client port and server port,
what it is, the versions it began and went on with, the name and the protocols that the client asked for, the cipher they agreed on."""
import asyncio, datetime, fcntl, ipaddress, json, os, signal, socket, ssl, struct, subprocess, sys, time

from aioquic.asyncio import connect, serve
from aioquic.quic.configuration import QuicConfiguration
from aioquic.quic.packet import QuicProtocolVersion
from aioquic.tls import CipherSuite
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

OUT = os.path.abspath(sys.argv[1])
os.makedirs(OUT, exist_ok=True)
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
    fcntl.ioctl(s, 0x8914, struct.pack("16sh14x", b"lo", 0x49))  # SIOCSIFFLAGS: up, loopback, running
V1, V2 = QuicProtocolVersion.VERSION_1, QuicProtocolVersion.VERSION_2
key = ec.generate_private_key(ec.SECP256R1())
name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "quic.example.org")])
day = datetime.datetime(2026, 1, 1)
cert = (x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(1)
        .not_valid_before(day).not_valid_after(day + datetime.timedelta(3650)).sign(key, hashes.SHA256()))

# name, server port, version of the first packet, versions of client, more of the client, cipher, whether its hello takes several datagrams
ALPN = ["h3"]
KINDS = [
    ("v1", 4433, V1, [V1], {}, CipherSuite.AES_128_GCM_SHA256),
    ("v2", 4433, V2, [V2], {}, CipherSuite.AES_256_GCM_SHA384),
    ("v1-to-v2", 4433, V1, [V2, V1], {"original_version": V1}, CipherSuite.CHACHA20_POLY1305_SHA256),
    ("large", 4433, V1, [V1], {"quantum_readiness_test": True}, CipherSuite.AES_128_GCM_SHA256),
    ("large-v2", 4433, V2, [V2], {"quantum_readiness_test": True}, CipherSuite.AES_128_GCM_SHA256),
    ("many-protocols", 4433, V1, [V1], {"alpn_protocols": ["h3"] + [f"protocol-{n}" for n in range(200)]}, CipherSuite.AES_128_GCM_SHA256),
    ("retry", 4434, V1, [V1], {}, CipherSuite.AES_128_GCM_SHA256),
    ("retry-large", 4434, V1, [V1], {"quantum_readiness_test": True}, CipherSuite.AES_128_GCM_SHA256),
    ("retry-v2", 4434, V2, [V2], {}, CipherSuite.AES_128_GCM_SHA256),
    ("web-port", 443, V1, [V1], {"alpn_protocols": ["h3", "hq-interop"]}, CipherSuite.AES_128_GCM_SHA256),
    ("refused", 4435, V2, [V2, V1], {"original_version": V2}, CipherSuite.AES_128_GCM_SHA256),
]


async def echo(reader, writer):
    writer.write(await reader.read())
    writer.write_eof()


async def main():
    for port, retry, versions in ((4433, False, [V2, V1]), (4434, True, [V2, V1]), (443, False, [V1]), (4435, False, [V1])):
        conf = QuicConfiguration(is_client=False, alpn_protocols=["h3"], supported_versions=versions)
        conf.certificate, conf.private_key = cert, key
        await serve("127.0.0.1", port, configuration=conf, retry=retry, stream_handler=lambda r, w: asyncio.ensure_future(echo(r, w)))
    dump = subprocess.Popen(["tcpdump", "-q", "-U", "--immediate-mode", "-i", "lo", "-s", "0", "-w", f"{OUT}/quic.pcap", "udp"], stderr=subprocess.PIPE)
    while b"listening" not in dump.stderr.readline():
        pass
    saved = open(f"{OUT}/saved.jsonl", "w")
    for n, (kind, port, first, versions, more, cipher) in enumerate(KINDS):
        local = 52000 + n
        sni = f"{kind}.example.org"
        conf = QuicConfiguration(is_client=True, **{"alpn_protocols": ALPN, **more})
        conf.supported_versions, conf.server_name = versions, sni
        conf.verify_mode, conf.cipher_suites = ssl.CERT_NONE, [cipher]
        async with connect("127.0.0.1", port, configuration=conf, local_port=local) as client:
            reader, writer = await client.create_stream()
            writer.write(b"hello " * 40)
            writer.write_eof()
            assert await asyncio.wait_for(reader.read(), 10) == b"hello " * 40
            chosen = int(client._quic._version)
        saved.write(json.dumps({"client": local, "server": port, "kind": kind, "first": int(first), "version": chosen, "sni": sni,
                                "alpn": conf.alpn_protocols, "cipher": f"TLS_{cipher.name}"}) + "\n")
    time.sleep(0.5)
    dump.send_signal(signal.SIGINT)
    dump.wait()
    saved.close()


asyncio.run(main())
