"""An initiator on MIT's or Heimdal's GSS library, which have the same binary interface.

	initiator.py LIBRARY SERVICE@HOST|PRINCIPAL FLAGS krb5|spnego

It prints each token in base64 and reads the acceptor's answer, an empty line where there
is none. Its last line is "established FLAGS", or an error, and then it exits with 1.
"""

import base64
import ctypes
import sys

CONTINUE_NEEDED, ERRORS = 1, 0xFFFF0000


class OID(ctypes.Structure):
    _fields_ = [("length", ctypes.c_uint32), ("elements", ctypes.c_char_p)]


class Buffer(ctypes.Structure):
    _fields_ = [("length", ctypes.c_size_t), ("value", ctypes.c_void_p)]

    @classmethod
    def of(cls, raw):
        b = cls(len(raw), None)
        b.keep = ctypes.create_string_buffer(raw, len(raw))
        b.value = ctypes.cast(b.keep, ctypes.c_void_p)
        return b

    def bytes(self):
        return ctypes.string_at(self.value, self.length) if self.length else b""


def oid(*octets):
    return OID(len(octets), bytes(octets))


HOSTBASED = oid(0x2A, 0x86, 0x48, 0x86, 0xF7, 0x12, 1, 2, 1, 4)
PRINCIPAL = oid(0x2A, 0x86, 0x48, 0x86, 0xF7, 0x12, 1, 2, 2, 1)
MECHS = {"krb5": oid(0x2A, 0x86, 0x48, 0x86, 0xF7, 0x12, 1, 2, 2), "spnego": oid(0x2B, 6, 1, 5, 5, 2)}


class Initiator:
    def __init__(self, library, target, flags, mech):
        self.gss, self.mech, self.flags = ctypes.CDLL(library), MECHS[mech], flags
        self.name, self.context, self.granted = ctypes.c_void_p(), ctypes.c_void_p(), ctypes.c_uint32()
        kind = HOSTBASED if "@" in target else PRINCIPAL
        self.call("gss_import_name", ctypes.byref(Buffer.of(target.encode())), ctypes.byref(kind), ctypes.byref(self.name))

    def call(self, function, *args):
        minor = ctypes.c_uint32()
        f = getattr(self.gss, function)
        f.restype = ctypes.c_uint32
        major = f(ctypes.byref(minor), *args)
        if major & ERRORS:
            print("%s: major %#x, minor %d: %s" % (function, major, minor.value, self.text(minor.value)))
            sys.exit(1)
        return major

    def text(self, minor):
        mechanism_code = 2
        ignored, more, out = ctypes.c_uint32(), ctypes.c_uint32(), Buffer()
        self.gss.gss_display_status(
            ctypes.byref(ignored), ctypes.c_uint32(minor), mechanism_code, ctypes.byref(self.mech), ctypes.byref(more), ctypes.byref(out))
        return out.bytes().decode(errors="replace")

    def step(self, token):
        """Takes the acceptor's token, and returns the next one, and whether more are needed."""
        out = Buffer()
        major = self.call(
            "gss_init_sec_context", None, ctypes.byref(self.context), self.name, ctypes.byref(self.mech),
            ctypes.c_uint32(self.flags), ctypes.c_uint32(0), None, ctypes.byref(Buffer.of(token)), None,
            ctypes.byref(out), ctypes.byref(self.granted), None)
        return out.bytes(), bool(major & CONTINUE_NEEDED)


def main():
    library, target, flags, mech = sys.argv[1:]
    initiator = Initiator(library, target, int(flags, 0), mech)
    token, more = initiator.step(b"")
    while True:
        if token:
            print(base64.b64encode(token).decode(), flush=True)
        if not more:
            break
        token, more = initiator.step(base64.b64decode(sys.stdin.readline()))
    print("established %#x" % initiator.granted.value)


main()
