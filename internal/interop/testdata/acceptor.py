"""An acceptor with MIT's library, for the protocol of wire.py.

The tests compare its answers with those of this repository's acceptor. It prints the port
on which it listens, and serves connections until a signal ends it. The optional argument
is the application data of its channel bindings.
"""

import json
import socket
import sys
import threading

import gssapi
from gssapi import raw

import wire


BINDINGS = raw.ChannelBindings(application_data=sys.argv[1].encode()) if len(sys.argv) > 1 else None


def accept(sock):
    context = None
    while True:
        op, token = wire.receive(sock)
        if op != "T":
            raise ValueError(op)
        try:
            res = raw.accept_sec_context(token, None, context, BINDINGS)
        except gssapi.exceptions.GSSError as e:
            if getattr(e, "token", None):
                wire.send(sock, "T", e.token)
            wire.send(sock, "R", json.dumps({"verdict": wire.verdict(e)}).encode())
            return None
        context = res.context
        if res.token:
            wire.send(sock, "T", res.token)
        if not res.more_steps:
            client = raw.display_name(res.initiator_name).name.decode()
            wire.send(sock, "A", json.dumps({"client": client, "gss_flags": int(sum(res.flags))}).encode())
            return context
        wire.send(sock, "C", b"{}")


def answer(sock, context, op, payload):
    if op == "W":
        res = raw.unwrap(context, payload)
        wire.send(sock, "W", raw.wrap(context, res.message, res.encrypted).message)
    elif op == "M":
        mic, message = wire.unpack(payload)
        raw.verify_mic(context, message, mic)
        wire.send(sock, "M", wire.pack(raw.get_mic(context, message), message))
    elif op == "V":
        lead, data, sealed = wire.open_iov(context, payload)
        wire.send(sock, "V", wire.seal_iov(context, lead, data, sealed))
    elif op == "S":
        tokens = [raw.wrap(context, wire.message(100, i), True).message for i in range(3)]
        for i in (0, 0, 2, 1):
            wire.send(sock, "W", tokens[i])


def serve(sock):
    with sock:
        context = accept(sock)
        while context is not None:
            try:
                op, payload = wire.receive(sock)
            except EOFError:
                return
            try:
                answer(sock, context, op, payload)
            except gssapi.exceptions.GSSError as e:
                wire.send(sock, "E", wire.verdict(e).encode())


if __name__ == "__main__":
    with socket.create_server(("127.0.0.1", 0)) as listener:
        print("port", listener.getsockname()[1], flush=True)
        while True:
            conn, _ = listener.accept()
            conn.settimeout(25)
            conn.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=serve, args=(conn,), daemon=True).start()
