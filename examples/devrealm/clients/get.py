"""Writes a page that a server shows to a user of Kerberos. It needs the module gssapi."""

import base64
import sys
import urllib.error
import urllib.parse
import urllib.request

import gssapi

url = sys.argv[1]
host = urllib.parse.urlsplit(url).hostname
name = gssapi.Name("HTTP@" + host, gssapi.NameType.hostbased_service)
client = gssapi.SecurityContext(name=name, usage="initiate", mech=gssapi.OID.from_int_seq("1.3.6.1.5.5.2"))
token = base64.b64encode(client.step()).decode()
request = urllib.request.Request(url, headers={"Authorization": "Negotiate " + token})
try:
    with urllib.request.urlopen(request) as page:
        reply = page.headers.get("WWW-Authenticate", "").removeprefix("Negotiate ")
        if reply:
            client.step(base64.b64decode(reply))  # the proof of the server
        sys.stdout.write(page.read().decode())
except urllib.error.HTTPError as e:
    sys.exit(e.read().decode())
