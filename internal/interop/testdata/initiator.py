"""An initiator on Debian's python3-gssapi, which is MIT's library.

Reads a plan as JSON on standard input, runs it, and writes what it saw as JSON on
standard output. Only gssapi.raw is used: SecurityContext.step() puts errors off
to the next call, so that a refusal looks like success.
"""

import json
import socket
import sys

import gssapi
from gssapi import raw

import wire

KRB5 = raw.OID.from_int_seq("1.2.840.113554.1.2.2")
NO_CI_FLAGS = raw.OID.from_int_seq("1.2.752.43.13.29")  # GSS_KRB5_CRED_NO_CI_FLAGS_X


class Flags(list):
    """A list that counts as true when it is empty: raw takes none for a default."""

    def __bool__(self):
        return True


class Initiator:
    def __init__(self, plan):
        self.plan = plan
        self.seen = {"established": False, "steps": [], "legs": 0}
        self.target = raw.import_name(plan["target"].encode(), raw.NameType.hostbased_service)
        self.flags = Flags(raw.RequirementFlag(f) for f in plan["flags"])
        self.creds = None
        if plan.get("no_ci_flags"):
            self.creds = raw.acquire_cred(None, usage="initiate", mechs=[KRB5]).creds
            raw.set_cred_option(NO_CI_FLAGS, self.creds)
        self.bindings = None
        if plan.get("bindings"):
            self.bindings = raw.ChannelBindings(application_data=plan["bindings"].encode())

    def connect(self):
        return socket.create_connection(("127.0.0.1", self.plan["port"]), timeout=25)

    def init(self, context=None, token=None):
        return raw.init_sec_context(
            self.target, self.creds, context, KRB5, self.flags,
            channel_bindings=self.bindings, input_token=token)

    def run(self):
        self.sock = self.connect()
        try:
            self.establish()
            if self.seen["established"]:
                for step in self.plan.get("steps", []):
                    self.seen["steps"].append(getattr(self, step.pop("do"))(**step))
        finally:
            self.sock.close()
        if self.plan.get("replay"):
            self.replay()
        return self.seen

    def establish(self):
        """Tokens both ways until both sides are content."""
        context, token, more = None, None, True
        while True:
            if more:
                try:
                    res = self.init(context, token)
                except gssapi.exceptions.GSSError as e:
                    self.seen["error"] = self.error(e)
                    more = False
                    continue
                context, more = res.context, res.more_steps
                self.seen["flags"] = int(sum(res.flags))
                if res.token:
                    self.seen.setdefault("first", res.token.hex())
                    self.seen["legs"] += 1
                    wire.send(self.sock, "T", res.token)
            token = None
            op, payload = wire.receive(self.sock)
            if op == "T":
                self.seen.setdefault("answer", payload.hex())
                self.seen["legs"] += 1
                token = payload
                if not more:
                    raise ValueError("a token that nobody waits for")
                continue
            self.context = context
            self.seen["server"] = json.loads(payload)
            if op == "A" and not more and "error" not in self.seen:
                self.seen["established"] = True
            if op != "C" or "error" in self.seen:
                return

    def error(self, e):
        return {"verdict": wire.verdict(e), "minor": e.min_code - (1 << 32) if e.min_code >> 31 else e.min_code,
                "text": e.gen_message()}

    def replay(self):
        """The first token again, on a connection of its own."""
        with self.connect() as sock:
            wire.send(sock, "T", bytes.fromhex(self.seen["first"]))
            op, payload = wire.receive(sock)
            seen = {"op": op}
            if op == "T":
                try:
                    self.init(self.init().context, payload)
                except gssapi.exceptions.GSSError as e:
                    seen["error"] = self.error(e)
                op, payload = wire.receive(sock)
            seen["server"] = json.loads(payload)
            self.seen["replay"] = seen

    # Steps of a plan.

    def wrap(self, size, conf):
        message = wire.message(size)
        res = raw.wrap(self.context, message, conf)
        wire.send(self.sock, "W", res.message)
        op, payload = wire.receive(self.sock)
        if op != "W":
            return {"size": size, "refused": payload.decode()}
        back = raw.unwrap(self.context, payload)
        return {"size": size, "sealed": res.encrypted, "sealed_back": back.encrypted, "echo": back.message == message}

    def mic(self, size):
        message = wire.message(size)
        wire.send(self.sock, "M", wire.pack_mic(raw.get_mic(self.context, message), message))
        op, payload = wire.receive(self.sock)
        if op != "M":
            return {"size": size, "refused": payload.decode()}
        mic, echo = wire.unpack_mic(payload)
        raw.verify_mic(self.context, message, mic)
        return {"size": size, "echo": echo == message}

    def token(self, kind, seed):
        message = wire.message(100, seed)
        if kind == "wrap":
            return "W", raw.wrap(self.context, message, True).message
        return "M", wire.pack_mic(raw.get_mic(self.context, message), message)

    def sequence(self, kind):
        """A message twice, one skipped, and the late one."""
        tokens = [self.token(kind, i) for i in range(3)]
        verdicts = []
        for i in (0, 0, 2, 1):
            wire.send(self.sock, *tokens[i])
            op, payload = wire.receive(self.sock)
            verdicts.append(payload.decode() if op == "E" else "OK")
            # The answer is not opened: its number is skipped on our side only.
        return {"verdicts": verdicts}

    def sequence_back(self):
        """The same, by the acceptor."""
        wire.send(self.sock, "S")
        verdicts = []
        for _ in range(4):
            op, payload = wire.receive(self.sock)
            try:
                raw.unwrap(self.context, payload)
                verdicts.append("OK")
            except gssapi.exceptions.GSSError as e:
                verdicts.append(wire.verdict(e))
        return {"verdicts": verdicts}

    def tamper(self, kind, at):
        """One bit of a token is changed; at counts from the end if negative."""
        op, token = self.token(kind, 0)
        token = bytearray(token)
        token[at] ^= 0x01
        wire.send(self.sock, op, bytes(token))
        op, payload = wire.receive(self.sock)
        return {"verdicts": [payload.decode() if op == "E" else "OK"]}


if __name__ == "__main__":
    json.dump(Initiator(json.load(sys.stdin)).run(), sys.stdout)
