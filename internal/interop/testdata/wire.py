"""The frames and the words of initiator.py and acceptor.py.

A frame is op(1) | length(4, big-endian) | payload. The ops are:

T  a context token
C  the acceptor waits for another token (JSON)
A  the acceptor has accepted the client (JSON)
R  the acceptor has refused the client (JSON)
W  a wrap token
M  a MIC and its message
V  the buffers of an IOV: header, signed only, data
E  the status of a W, M or V that the receiver refused
S  a request for messages out of order
"""

import struct

from gssapi import raw
from gssapi.raw import IOVBufferType

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


def pack(*parts):
    """Returns the parts, each after its length."""
    return b"".join(struct.pack(">I", len(p)) + p for p in parts)


def unpack(payload):
    parts = []
    while payload:
        (n,) = struct.unpack(">I", payload[:4])
        parts.append(payload[4:4 + n])
        payload = payload[4 + n:]
    return parts


def message(size, seed=0):
    """Returns a message whose bytes depend on their position, to reveal a byte in the wrong place."""
    return bytes((i * 7 + i // 251 + seed) & 0xFF for i in range(size))


def seal_iov(context, lead, data, conf):
    """Seals or signs a message in the buffers of an SSPI caller: a header, and the data in place."""
    iov = raw.IOV(IOVBufferType.header, (IOVBufferType.sign_only, lead), data, std_layout=False)
    raw.wrap_iov(context, iov, conf)
    return pack(iov[0].value, lead, iov[2].value)


def open_iov(context, payload):
    """Returns the two parts of the message, and whether it was sealed."""
    header, lead, data = unpack(payload)
    iov = raw.IOV((IOVBufferType.header, False, header), (IOVBufferType.sign_only, lead), data, std_layout=False)
    res = raw.unwrap_iov(context, iov)
    return lead, iov[2].value, res.encrypted


SUPPLEMENTARY = {1 << 1: "DUPLICATE", 1 << 2: "OLD", 1 << 3: "UNSEQ", 1 << 4: "GAP"}
ROUTINE = {4: "BAD_BINDINGS", 6: "BAD_MIC", 9: "DEFECTIVE_TOKEN", 13: "FAILURE"}


def verdict(error):
    """Returns the names in the GSS major status of an error."""
    words = [name for bit, name in SUPPLEMENTARY.items() if error.maj_code & bit]
    routine = (error.maj_code >> 16) & 0xFF
    if routine:
        words.append(ROUTINE.get(routine, str(routine)))
    if error.maj_code >> 24:
        words.append("CALL")
    return "|".join(words) or "OK"
