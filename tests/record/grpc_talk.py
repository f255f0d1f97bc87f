#!/usr/bin/env python3
"""gRPC with the library of its makers. `grpc_talk.py server PORT`, or `grpc_talk.py client PORT`, which writes a line of JSON for
each call: the SHA-256 of all messages with their prefixes that it sent and got, and its status."""
import concurrent.futures, hashlib, json, struct, sys, threading

import grpc

PORT = int(sys.argv[2])
plain = lambda b: b


def message(n, name):  # field 1 a number, field 2 a string
    name = name.encode()
    return b"\x08" + bytes([n & 127]) + b"\x12" + varint(len(name)) + name


def varint(n):
    out = b""
    while n > 127:
        out, n = out + bytes([n & 127 | 128]), n >> 7
    return out + bytes([n])


def sha(messages):
    framed = b"".join(b"\0" + struct.pack(">I", len(m)) + m for m in messages)
    return hashlib.sha256(framed).hexdigest() if framed else None


def refuse(_, context):
    context.set_trailing_metadata((("x-why", "no such account"),))
    context.abort(grpc.StatusCode.NOT_FOUND, "no account 13800138000")


if sys.argv[1] == "server":
    handlers = {
        "Get": grpc.unary_unary_rpc_method_handler(lambda b, _: b * 3, plain, plain),
        "List": grpc.unary_stream_rpc_method_handler(lambda b, _: (message(i, "row 13900139%03d" % i) for i in range(20)), plain, plain),
        "Chat": grpc.stream_stream_rpc_method_handler(lambda it, _: (m[::-1] for m in it), plain, plain),
        "Add": grpc.stream_unary_rpc_method_handler(lambda it, _: message(len(list(it)), "all"), plain, plain),
        "Refuse": grpc.unary_unary_rpc_method_handler(refuse, plain, plain),
    }
    server = grpc.server(concurrent.futures.ThreadPoolExecutor(16))
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("demo.Bank", handlers),))
    if not server.add_insecure_port(f"127.0.0.1:{PORT}"):
        sys.exit("no port")
    server.start()
    server.wait_for_termination()

lock = threading.Lock()


def note(name, sent, got, code):
    with lock:
        print(json.dumps({"port": PORT, "method": "POST", "path": f"/demo.Bank/{name}", "status": 200, "sent": sha(sent), "got": sha(got), "grpc": code.value[0]}))


def talk(channel, n):
    meta = (("authorization", f"Bearer grpc-{n}"), ("x-bin-bin", b"\0\1\2"))
    for i in range(12):
        m = message(i, f"account {n}.{i} " + "x" * (i * 400))
        call = lambda kind, name: getattr(channel, kind)(f"/demo.Bank/{name}", plain, plain)
        note("Get", [m], [call("unary_unary", "Get")(m, metadata=meta)], grpc.StatusCode.OK)
        note("List", [m], list(call("unary_stream", "List")(m, metadata=meta)), grpc.StatusCode.OK)
        many = [m, m[:5], b"", m * 2]
        note("Chat", many, list(call("stream_stream", "Chat")(iter(many), metadata=meta)), grpc.StatusCode.OK)
        note("Add", many, [call("stream_unary", "Add")(iter(many), metadata=meta)], grpc.StatusCode.OK)
        try:
            call("unary_unary", "Refuse")(m, metadata=meta)
        except grpc.RpcError as e:
            note("Refuse", [m], [], e.code())


with grpc.insecure_channel(f"127.0.0.1:{PORT}", options=[("grpc.enable_http_proxy", 0)]) as channel:
    threads = [threading.Thread(target=talk, args=(channel, n)) for n in range(6)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
