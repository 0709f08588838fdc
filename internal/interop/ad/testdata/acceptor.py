"""Accepts tokens with Samba's own acceptor, and prints the SIDs that it grants.

	acceptor.py DIR

reads a request, as a line of JSON, and prints the verdict, as another, until its input
ends. It has no directory: it knows the account only from the ticket.
"""

import base64
import json
import os
import sys

from samba import auth, gensec, param
from samba.credentials import Credentials

SMB_CONF = """[global]
 netbios name = MEMBER
 workgroup = {netbios}
 realm = {realm}
 server role = member server
 private dir = {dir}
 state directory = {dir}
 cache directory = {dir}
 lock directory = {dir}
 log file = {dir}/log
"""


def accept(where, request):
    directory = os.path.join(where, request["netbios"])
    os.makedirs(directory, exist_ok=True)
    conf = os.path.join(directory, "smb.conf")
    with open(conf, "w") as f:
        f.write(SMB_CONF.format(dir=directory, **request))
    lp = param.LoadParm()
    lp.load(conf)
    # Samba makes the keys of an account of its name and its password.
    creds = Credentials()
    creds.guess(lp)
    creds.set_realm(request["realm"])
    creds.set_username(request["account"])
    creds.set_password(request["password"])
    creds.set_kerberos_salt_principal(request["account"] + "@" + request["realm"])
    server = gensec.Security.start_server({"lp_ctx": lp, "target_hostname": "member"}, auth.AuthContext(lp_ctx=lp, methods=[]))
    server.set_credentials(creds)
    server.start_mech_by_name(request["mech"])
    server.update(base64.b64decode(request["token"]))
    session = server.session_info()
    info = session.info
    return {
        "account": info.account_name, "domain": info.domain_name,
        "sids": [str(s) for s in session.security_token.sids],
    }


def main():
    for line in sys.stdin:
        try:
            verdict = accept(sys.argv[1], json.loads(line))
        except Exception as e:  # a refusal is a verdict
            verdict = {"error": repr(e)}
        print("verdict:", json.dumps(verdict), flush=True)


main()
