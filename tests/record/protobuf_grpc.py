#!/usr/bin/env python3
"""Records tests/fixtures/grpc.pcap: a gRPC server and its client over HTTP/2, unary and streaming calls, an error, and messages
compressed with gzip. What the client got is written beside it as hashes of the serialised messages (grpc.json).

Needs: pip install grpcio grpcio-tools; tcpdump with the right to capture on the loopback interface. Run from anywhere:
    tests/record/protobuf_grpc.py
"""
import hashlib, json, os, shutil, subprocess, sys, tempfile, time
from concurrent import futures

HERE = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "fixtures")
PORT = 50999
work = tempfile.mkdtemp()
shutil.copy(f"{HERE}/grpc.proto", f"{work}/crm.proto")
subprocess.run([sys.executable, "-m", "grpc_tools.protoc", "-I.", "--python_out=.", "--grpc_python_out=.", "--descriptor_set_out=crm.pb", "--include_imports", "crm.proto"], cwd=work, check=True)
sys.path.insert(0, work)
import crm_pb2 as m, crm_pb2_grpc as g, grpc


def customer(i):
    c = m.Customer(id_card="11010519491231002X", score=39.5 + i, tel=13812345678 + i, photo=bytes(range(i % 200)))
    c.phones.add(kind="work", mobile="1381234567%d" % (i % 10))
    c.phones.add(kind="home", mobile="1391234567%d" % (i % 10))
    c.born.seconds = 1000000 + i
    c.tags["a"] = "b%d" % i
    return c


class Service(g.CustomersServicer):
    def Get(self, r, ctx):
        if r.id == "none":
            ctx.abort(grpc.StatusCode.NOT_FOUND, "no such customer")
        return customer(1)

    def List(self, r, ctx):
        for i in range(r.n):
            yield customer(i)

    def Chat(self, it, ctx):
        for r in it:
            yield customer(r.n)


def digest(x):
    return hashlib.sha256(x.SerializeToString()).hexdigest()


dump = subprocess.Popen(["tcpdump", "-i", "lo", "-U", "-w", f"{work}/g.pcap", f"port {PORT}"])
time.sleep(1)
server = grpc.server(futures.ThreadPoolExecutor(4))
g.add_CustomersServicer_to_server(Service(), server)
server.add_insecure_port(f"127.0.0.1:{PORT}")
server.start()
saved = []
plain = grpc.insecure_channel(f"127.0.0.1:{PORT}")
stub = g.CustomersStub(plain)
saved.append(["Get", 0, [digest(stub.Get(m.Ask(id="7")))]])
try:
    stub.Get(m.Ask(id="none"))
except grpc.RpcError as e:
    saved.append(["Get", e.code().value[0], []])
saved.append(["List", 0, [digest(x) for x in stub.List(m.Ask(n=25))]])
saved.append(["Chat", 0, [digest(x) for x in stub.Chat(iter([m.Ask(n=i) for i in range(5)]))]])
packed = grpc.insecure_channel(f"127.0.0.1:{PORT}", compression=grpc.Compression.Gzip)
stub = g.CustomersStub(packed)
saved.append(["List", 0, [digest(x) for x in stub.List(m.Ask(id="z" * 300, n=10))]])
plain.close()
packed.close()
server.stop(0)
time.sleep(1)
dump.terminate()
dump.wait()
shutil.copy(f"{work}/g.pcap", f"{HERE}/grpc.pcap")
shutil.copy(f"{work}/crm.pb", f"{HERE}/grpc.pb")
with open(f"{HERE}/grpc.json", "w") as f:
    json.dump(saved, f)
shutil.rmtree(work)
