"""Makes a Samba forest of one domain, offline.

	forest.py make|join <request.json

make provisions the domain with its accounts, join adds the trust and the members that
the other forest has. Both print the SIDs of the accounts, as JSON.
"""

import json
import logging
import os
import sys

import ldb
import samba
from samba import param, provision
from samba.auth import system_session
from samba.dcerpc import drsblobs, lsa, misc, security
from samba.ndr import ndr_pack
from samba.net import Net
from samba.samdb import SamDB

samba.enable_net_export_keytab()

FUNCTION_LEVEL_2016 = 7
CONTROL = {"user": 0x200, "computer": 0x1000}  # userAccountControl
OPTIONS = {  # of userAccountControl and of msDS-SupportedEncryptionTypes
    "no-auth-data": (0x2000000, 0),
    "sensitive": (0x100000, 0),
    "protocol-transition": (0x1000000, 0),
    "aes128": (0, 8),
    "aes256": (0, 0x10),
    "compound-identity": (0, 0x20000),
    "uncompressed-sids": (0, 0x80000),
}
CLAIM_TYPES = {"int64": 1, "uint64": 2, "string": 3, "boolean": 6}
FORCE = ["relax:0", "provision:0"]  # admits a SID of another domain
SCOPE = {"global": -0x7FFFFFFE, "local": -0x7FFFFFFC, "universal": -0x7FFFFFF8}

SMB_CONF = """[global]
 netbios name = {host}
 workgroup = {netbios}
 realm = {realm}
 server role = active directory domain controller
 server services = kdc
 ad dc functional level = 2016
 interfaces = {address}/8
 bind interfaces only = yes
 krb5 port = {port}
 kpasswd port = {kpasswd}
 private dir = {dir}/private
 state directory = {dir}/state
 cache directory = {dir}/cache
 lock directory = {dir}/lock
 pid directory = {dir}/run
 ncalrpc dir = {dir}/ncalrpc
 binddns dir = {dir}/bind
 log file = {dir}/log
 tls enabled = no
 disable netbios = yes
 load printers = no
 ldb:nosync = true
[sysvol]
 path = {dir}/sysvol
 read only = no
[netlogon]
 path = {dir}/sysvol/scripts
 read only = no
"""


class Forest:
    def __init__(self, request):
        self.dir, self.spec = request["dir"], request["spec"]
        self.realm, self.netbios = self.spec["realm"], self.spec["netbios"]
        self.password = request["password"]
        self.conf = os.path.join(self.dir, "smb.conf")

    def open(self):
        self.lp = param.LoadParm()
        self.lp.load(self.conf)
        self.db = SamDB(lp=self.lp, session_info=system_session())
        self.base = str(self.db.domain_dn())

    # The parts of a domain.

    def provision(self, request):
        for name in "private", "state", "cache", "lock", "run", "bind":
            os.makedirs(os.path.join(self.dir, name))
        host = "DC-" + self.netbios
        with open(self.conf, "w") as f:
            f.write(SMB_CONF.format(
                host=host, netbios=self.netbios, realm=self.realm, dir=self.dir, address=request["address"],
                port=request["port"], kpasswd=request["kpasswd"]))
        lp = param.LoadParm()
        lp.load(self.conf)
        provision.provision(
            logging.getLogger("provision"), system_session(), smbconf=self.conf, lp=lp,
            realm=self.realm, domain=self.netbios, hostname=host, hostip=request["address"],
            domainsid=security.dom_sid(request["sid"]), adminpass=self.password,
            dns_backend="NONE", serverrole="active directory domain controller",
            dom_for_fun_level=FUNCTION_LEVEL_2016, batch_mode=True)

    def account(self, entry, kind):
        name = entry["name"] + ("$" if kind == "computer" else "")
        dn = "CN=%s,CN=%s,%s" % (entry["name"], "Computers" if kind == "computer" else "Users", self.base)
        message = {
            "dn": dn,
            "objectClass": kind,
            "sAMAccountName": name,
            "userAccountControl": str(CONTROL[kind] | bits(entry, 0)),
            "unicodePwd": ('"%s"' % self.password).encode("utf-16-le"),
            **entry.get("attributes", {}),
        }
        if "upn" in entry:
            message["userPrincipalName"] = entry["upn"]
        if "spns" in entry:
            message["servicePrincipalName"] = entry["spns"]
        if bits(entry, 1):
            message["msDS-SupportedEncryptionTypes"] = str(bits(entry, 1))
        self.db.add(message)

    def managed(self, entry):
        self.db.add({
            "dn": "CN=%s,CN=Managed Service Accounts,%s" % (entry["name"], self.base),
            "objectClass": "msDS-GroupManagedServiceAccount",
            "sAMAccountName": entry["name"] + "$",
            "dNSHostName": entry["spns"][0].split("/")[1],
            "msDS-ManagedPasswordInterval": "30",
            "msDS-SupportedEncryptionTypes": str(bits(entry, 1)),
            "servicePrincipalName": entry["spns"],
        })

    def group(self, entry):
        message = {
            "dn": self.dn_of_group(entry),
            "objectClass": "group",
            "sAMAccountName": entry["name"],
            "groupType": str(SCOPE[entry["scope"]]),
        }
        if entry.get("members"):
            message["member"] = [str(self.find(m).dn) for m in entry["members"]]
        self.db.add(message)

    def dn_of_group(self, entry):
        return "CN=%s,CN=Users,%s" % (entry["name"], self.base)

    def claim(self, entry):
        schema = str(self.db.get_schema_basedn())
        self.db.add({
            "dn": "CN=%s,CN=Claim Types,CN=Claims Configuration,CN=Services,%s" % (entry["id"], self.db.get_config_basedn()),
            "objectClass": "msDS-ClaimType",
            "Enabled": "TRUE",
            "msDS-ClaimSourceType": "AD",
            "msDS-ClaimValueType": str(CLAIM_TYPES[entry["type"]]),
            "msDS-ClaimAttributeSource": self.schema_dn(schema, entry["attribute"]),
            "msDS-ClaimTypeAppliesToClass": [self.schema_dn(schema, c) for c in entry["classes"]],
        })

    def schema_dn(self, schema, name):
        return str(self.db.search(schema, scope=ldb.SCOPE_ONELEVEL, expression="(lDAPDisplayName=%s)" % name, attrs=[])[0].dn)

    def acts_for(self, service, actors):
        """Lets the actors delegate to the service (resource-based constrained delegation)."""
        aces = "".join("(A;;CR;;;%s)" % self.sid(a) for a in actors)
        descriptor = security.descriptor.from_sddl("O:BAD:" + aces, security.dom_sid(self.db.domain_sid))
        self.modify(self.find(service).dn, "msDS-AllowedToActOnBehalfOfOtherIdentity", ndr_pack(descriptor))

    def hostile(self, entry, sids):
        """Adds a member of a group that has a SID of the other forest, as only a hostile administrator can."""
        self.account(entry, "user")
        self.db.add({
            "dn": "CN=%s,CN=Users,%s" % (entry["group"], self.base),
            "objectClass": "group",
            "sAMAccountName": entry["group"],
            "groupType": str(SCOPE["universal"]),
            "objectSid": ndr_pack(security.dom_sid(sids[entry["sid"]])),
            "member": str(self.find(entry["name"]).dn),
        }, controls=FORCE)

    def modify(self, dn, attribute, value, how=ldb.FLAG_MOD_REPLACE):
        self.db.modify(ldb.Message.from_dict(self.db, {"dn": dn, attribute: value}, how))

    # What the tests ask about a domain.

    def find(self, name, attrs=()):
        found = self.db.search(self.base, scope=ldb.SCOPE_SUBTREE, expression="(sAMAccountName=%s)" % name, attrs=list(attrs))
        return found[0]

    def sid(self, name):
        return str(self.db.schema_format_value("objectSid", self.find(name, ["objectSid"])["objectSid"][0]), "utf-8")

    def keytab(self, services):
        """Exports the keys of each service under each of its names, the account's own among them."""
        path = os.path.join(self.dir, "keytabs")
        os.mkdir(path)
        for s in services:
            for spn in s["spns"] + [s["name"]]:
                # Without its own connection, export_keytab frees the one that it gets.
                Net(None, self.lp).export_keytab(keytab=os.path.join(path, s["name"]), principal=spn)

    def managed_passwords(self, accounts):
        """Writes msDS-ManagedPassword of each account, as it is now and as it will be after the next change."""
        for suffix, time in ("managed", None), ("managed-later", samba.current_unix_time() + 40 * 86400):
            self.open()
            if time:
                self.db.set_opaque("dsdb_gmsa_time_opaque", samba.unix2nttime(time))
            for entry in accounts:
                blob = self.find(entry["name"] + "$", ["msDS-ManagedPassword"])["msDS-ManagedPassword"][0]
                with open(os.path.join(self.dir, "keytabs", entry["name"] + "." + suffix), "wb") as f:
                    f.write(bytes(blob))

    def sids(self):
        found = self.db.search(self.base, scope=ldb.SCOPE_SUBTREE, expression="(objectSid=*)", attrs=["sAMAccountName"])
        names = [str(m["sAMAccountName"][0]) for m in found if "sAMAccountName" in m]
        return {n: self.sid(n) for n in names}

    # The two commands.

    def make(self, request):
        self.provision(request)
        self.open()
        spec = self.spec
        self.db.transaction_start()
        for kind, entries in ("user", spec["users"]), ("computer", spec["computers"]), ("user", spec["services"]):
            for entry in entries:
                self.account(entry, kind)
        for entry in spec["managed"]:
            self.managed(entry)
        for entry in spec["groups"]:
            self.group(entry)
        for name in spec["protected"]:
            self.modify(self.find("Protected Users").dn, "member", str(self.find(name).dn), ldb.FLAG_MOD_ADD)
        for entry in spec["claims"]:
            self.claim(entry)
        if spec["suffixes"]:
            self.modify(self.db.get_partitions_dn(), "uPNSuffixes", spec["suffixes"])
        self.db.transaction_commit()
        for service, actors in spec["actsFor"].items():
            self.acts_for(service, actors)
        self.keytab(spec["services"] + spec["managed"])
        self.managed_passwords(spec["managed"])

    def join(self, request):
        self.open()
        self.db.transaction_start()
        self.trust(request["partner"], request["secret"])
        for entry in self.spec["groups"]:
            members = ["<SID=%s>" % request["partner"]["sids"][m] for m in entry.get("foreign", [])]
            if members:
                self.modify(self.dn_of_group(entry), "member", members, ldb.FLAG_MOD_ADD)
        for entry in self.spec["hostile"]:
            self.hostile(entry, request["partner"]["sids"])
        self.db.transaction_commit()

    def trust(self, partner, secret):
        """Adds one side of a two-way forest trust."""
        realm, netbios = partner["realm"], partner["netbios"]
        secret_blob = ndr_pack(password_blob(secret))
        self.db.add({
            "dn": "CN=%s,CN=System,%s" % (realm.lower(), self.base),
            "objectClass": "trustedDomain",
            "trustType": str(lsa.LSA_TRUST_TYPE_UPLEVEL),
            "trustAttributes": str(lsa.LSA_TRUST_ATTRIBUTE_FOREST_TRANSITIVE),
            "trustDirection": str(lsa.LSA_TRUST_DIRECTION_INBOUND | lsa.LSA_TRUST_DIRECTION_OUTBOUND),
            "trustPartner": realm.lower(),
            "flatName": netbios,
            "securityIdentifier": ndr_pack(security.dom_sid(partner["sid"])),
            "msDS-SupportedEncryptionTypes": "24",
            "trustAuthIncoming": secret_blob,
            "trustAuthOutgoing": secret_blob,
            "msDS-TrustForestTrustInfo": ndr_pack(forest_info(partner)),
        })


def bits(entry, which):
    return sum(OPTIONS[o][which] for o in entry.get("options", []))


def password_blob(secret):
    raw = list(secret.encode("utf-16-le"))
    clear = drsblobs.AuthInfoClear()
    clear.size, clear.password = len(raw), raw
    info = drsblobs.AuthenticationInformation()
    info.LastUpdateTime = samba.unix2nttime(samba.current_unix_time())
    info.AuthType, info.AuthInfo = lsa.TRUST_AUTH_TYPE_CLEAR, clear
    array = drsblobs.AuthenticationInformationArray()
    array.count, array.array = 1, [info]
    blob = drsblobs.trustAuthInOutBlob()
    blob.count, blob.current = 1, array
    return blob


def forest_info(partner):
    """Names the partner's forest: its DNS tree, and its one domain."""
    name = partner["realm"].lower()
    top = drsblobs.ForestTrustInfoRecord()
    top.type, top.data = drsblobs.FOREST_TRUST_TOP_LEVEL_NAME, forest_string(name)
    described = drsblobs.ForestTrustDataDomainInfo()
    described.sid = security.dom_sid(partner["sid"])
    described.dns_name, described.netbios_name = forest_string(name), forest_string(partner["netbios"])
    domain = drsblobs.ForestTrustInfoRecord()
    domain.type, domain.data = drsblobs.FOREST_TRUST_DOMAIN_INFO, described
    armored = []
    for record in top, domain:
        armor = drsblobs.ForestTrustInfoRecordArmor()
        armor.record = record
        armored.append(armor)
    info = drsblobs.ForestTrustInfo()
    info.version, info.count, info.records = 1, len(armored), armored
    return info


def forest_string(text):
    s = drsblobs.ForestTrustString()
    s.string = text
    return s


def main():
    request = json.load(sys.stdin)
    forest = Forest(request)
    getattr(forest, {"make": "make", "join": "join"}[sys.argv[1]])(request)
    print("sids:", json.dumps(forest.sids()), flush=True)


main()
