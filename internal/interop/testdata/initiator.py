"""An initiator with Debian's python3-gssapi, which uses MIT's library.

Reads a list of plans as JSON from standard input, runs them, and writes its observations
of each plan as JSON to standard output. It uses only gssapi.raw, because
SecurityContext.step() defers errors to the next call, so that a refusal looks like success.
"""

import json
import socket
import sys

import gssapi
from gssapi import raw

import wire

KRB5 = raw.OID.from_int_seq("1.2.840.113554.1.2.2")
SPNEGO = raw.OID.from_int_seq("1.3.6.1.5.5.2")
NTLMSSP = raw.OID.from_int_seq("1.3.6.1.4.1.311.2.2.10")  # of the package gss-ntlmssp
MECHS = {"krb5": KRB5, "spnego": SPNEGO, "ntlm": NTLMSSP}
NO_CI_FLAGS = raw.OID.from_int_seq("1.2.752.43.13.29")  # GSS_KRB5_CRED_NO_CI_FLAGS_X


class Flags(list):
    """A list that is true when it is empty: raw replaces a false value with default flags."""

    def __bool__(self):
        return True


class Initiator:
    def __init__(self, plan):
        self.plan = plan
        self.seen = {"established": False, "steps": [], "legs": 0, "tokens": []}
        self.target = raw.import_name(plan["target"].encode(), raw.NameType.hostbased_service)
        self.flags = Flags(raw.RequirementFlag(f) for f in plan["flags"])
        self.mech = MECHS[plan.get("mech", "krb5")]
        self.creds = None
        if plan.get("no_ci_flags"):
            self.creds = raw.acquire_cred(None, usage="initiate", mechs=[self.mech]).creds
            raw.set_cred_option(NO_CI_FLAGS, self.creds)
        if plan.get("offer"):  # the mechanisms that SPNEGO offers, in this order
            offer = [MECHS[name] for name in plan["offer"]]
            self.creds = raw.acquire_cred(None, usage="initiate", mechs=[self.mech] + offer).creds
            raw.set_neg_mechs(self.creds, offer)
        self.bindings = None
        if plan.get("bindings"):
            self.bindings = raw.ChannelBindings(application_data=plan["bindings"].encode())

    def connect(self):
        sock = socket.create_connection(("127.0.0.1", self.plan["port"]), timeout=25)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return sock

    def init(self, context=None, token=None):
        return raw.init_sec_context(
            self.target, self.creds, context, self.mech, self.flags,
            channel_bindings=self.bindings, input_token=token)

    def run(self):
        self.sock = self.connect()
        try:
            self.establish()
            if self.seen["established"]:
                for step in self.plan.get("steps", []):
                    self.seen["steps"].append(getattr(self, step["do"])(**{k: v for k, v in step.items() if k != "do"}))
        finally:
            self.sock.close()
        if self.plan.get("replay"):
            self.replay()
        return self.seen

    def establish(self):
        """Exchanges tokens until both sides have established the context or one refuses."""
        context, token, more = None, None, True
        while True:
            if more and (context is None or token is not None):
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
                    self.seen["tokens"].append(res.token.hex())
                    wire.send(self.sock, "T", res.token)
            token = None
            op, payload = wire.receive(self.sock)
            if op == "T":
                self.seen.setdefault("answer", payload.hex())
                self.seen["legs"] += 1
                self.seen["tokens"].append(payload.hex())
                token = payload
                if not more:
                    raise ValueError("the acceptor sent a token after the context was established")
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
        """Sends the first token again, on a new connection."""
        with self.connect() as sock:
            wire.send(sock, "T", bytes.fromhex(self.seen["first"]))
            op, payload = wire.receive(sock)
            seen = {"op": op}
            if op == "T":
                seen["answer"] = payload.hex()
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
            return {"size": size, "sealed": conf, "refused": payload.decode()}
        back = raw.unwrap(self.context, payload)
        return {"size": size, "sealed": res.encrypted, "sealed_back": back.encrypted, "echo": back.message == message}

    def mic(self, size):
        message = wire.message(size)
        wire.send(self.sock, "M", wire.pack(raw.get_mic(self.context, message), message))
        op, payload = wire.receive(self.sock)
        if op != "M":
            return {"size": size, "refused": payload.decode()}
        mic, echo = wire.unpack(payload)
        raw.verify_mic(self.context, message, mic)
        return {"size": size, "echo": echo == message}

    def iov(self, size, conf):
        """Sends a message in two buffers, the first of which is signed and not sealed."""
        lead, message = b"signed only", wire.message(size)
        wire.send(self.sock, "V", wire.seal_iov(self.context, lead, message, conf))
        op, payload = wire.receive(self.sock)
        if op != "V":
            return {"size": size, "refused": payload.decode()}
        lead_back, back, sealed = wire.open_iov(self.context, payload)
        return {"size": size, "sealed": conf, "sealed_back": sealed, "echo": (lead_back, back) == (lead, message)}

    def token(self, kind, seed, size=100):
        message = wire.message(size, seed)
        if kind == "wrap":
            return "W", raw.wrap(self.context, message, True).message
        if kind == "sign":
            return "W", raw.wrap(self.context, message, False).message
        return "M", wire.pack(raw.get_mic(self.context, message), message)

    def sequence(self, kind):
        """Sends the first message twice, then the third, then the second."""
        tokens = [self.token(kind, i) for i in range(3)]
        verdicts = []
        for i in (0, 0, 2, 1):
            wire.send(self.sock, *tokens[i])
            op, payload = wire.receive(self.sock)
            verdicts.append(payload.decode() if op == "E" else "OK")
            # The initiator does not verify the answers, so it never sees their gaps.
        return {"verdicts": verdicts}

    def sequence_back(self):
        """Lets the acceptor send messages in the order of sequence()."""
        wire.send(self.sock, "S")
        verdicts = []
        for _ in range(4):
            op, payload = wire.receive(self.sock)
            if op == "E":
                return {"refused": payload.decode()}
            try:
                raw.unwrap(self.context, payload)
                verdicts.append("OK")
            except gssapi.exceptions.GSSError as e:
                verdicts.append(wire.verdict(e))
        return {"verdicts": verdicts}

    def flip(self, kind, size):
        """Sends a token once for each of its bits, with that bit changed."""
        op, token = self.token(kind, 0, size)
        skip = 0 if op == "W" else 4  # the length in front of a signature
        end = len(token) if op == "W" else 4 + len(wire.unpack(token)[0])
        verdicts = []
        for bit in range(8 * skip, 8 * end):
            changed = bytearray(token)
            changed[bit // 8] ^= 0x80 >> bit % 8
            wire.send(self.sock, op, bytes(changed))
            op_back, payload = wire.receive(self.sock)
            verdicts.append(payload.decode() if op_back == "E" else "OK")
        return {"verdicts": verdicts}

    def cut(self, kind, size):
        """Sends a token once for each shorter length, truncated to it."""
        _, token = self.token(kind, 0, size)
        verdicts = []
        for n in range(len(token)):
            wire.send(self.sock, "W", token[:n])
            op, payload = wire.receive(self.sock)
            verdicts.append(payload.decode() if op == "E" else "OK")
        return {"verdicts": verdicts}


if __name__ == "__main__":
    json.dump([Initiator(plan).run() for plan in json.load(sys.stdin)], sys.stdout)
