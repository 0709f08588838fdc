"""Framing and words that initiator.py and acceptor.py share.

A frame is op(1) | length(4, big-endian) | payload. Ops: T a context token; C, A
and R what became of it (continue, accepted, refused; JSON); W a wrap token, M a
signature with its message, E the verdict on one that was refused; S a wish for
messages out of order.
"""

import struct

LIMIT = 1 << 21


def send(sock, op, payload=b""):
    sock.sendall(op.encode() + struct.pack(">I", len(payload)) + payload)


def read(sock, n):
    parts = bytearray()
    while len(parts) < n:
        part = sock.recv(n - len(parts))
        if not part:
            raise EOFError("the connection was closed")
        parts += part
    return bytes(parts)


def receive(sock):
    head = read(sock, 5)
    (n,) = struct.unpack(">I", head[1:])
    if n > LIMIT:
        raise ValueError("a frame of %d bytes" % n)
    return head[:1].decode(), read(sock, n)


def pack_mic(mic, message):
    return struct.pack(">I", len(mic)) + mic + message


def unpack_mic(payload):
    (n,) = struct.unpack(">I", payload[:4])
    return payload[4:4 + n], payload[4 + n:]


def message(size, seed=0):
    """A message in which every byte tells its place."""
    return bytes((i * 7 + i // 251 + seed) & 0xFF for i in range(size))


SUPPLEMENTARY = {1 << 1: "DUPLICATE", 1 << 2: "OLD", 1 << 3: "UNSEQ", 1 << 4: "GAP"}
ROUTINE = {4: "BAD_BINDINGS", 6: "BAD_MIC", 9: "DEFECTIVE_TOKEN", 13: "FAILURE"}


def verdict(error):
    """The GSS major status of an error, as words."""
    words = [name for bit, name in SUPPLEMENTARY.items() if error.maj_code & bit]
    routine = (error.maj_code >> 16) & 0xFF
    if routine:
        words.append(ROUTINE.get(routine, str(routine)))
    return "|".join(words) or "OK"
