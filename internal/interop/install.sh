#!/usr/bin/env bash
# Installs the programs that the tests of this folder run, on Debian and as root.
# Elsewhere it prints the missing packages. The tests that need them are skipped, or fail
# if KERBEROS_REQUIRE_INTEROP=1.
set -euo pipefail

# The initiators are those of MIT, Heimdal and Java. gss-client, python3-gssapi, curl,
# Chromium, ssh, psql and the tools of OpenLDAP use MIT's library. Small C programs use
# Heimdal's library, and MIT's libkrb5 for user-to-user, which MIT's GSS library does not
# have. smbclient has a library of its own. faketime gives a client a wrong clock. gss-ntlmssp
# lets a client offer NTLM.
packages=(
	jq nginx-light # the queries and the proxy of OPERATING.md
	krb5-kdc krb5-admin-server krb5-user krb5-gss-samples
	python3-gssapi faketime gss-ntlmssp
	libgssapi3-heimdal heimdal-multidev krb5-multidev gcc libc6-dev
	curl chromium openjdk-17-jdk-headless
	openssh-client
	ldap-utils libsasl2-modules-gssapi-mit
	smbclient
	postgresql-client libpostgresql-jdbc-java
	postgresql # authenticator/sqlreplay
	redis-server valkey-server # authenticator/redisreplay
)

# Heimdal's kinit and kgetcred: their package would remove krb5-user, so it is unpacked.
heimdal=/opt/heimdal-clients

missing=()
for p in "${packages[@]}"; do
	if [ "$(dpkg-query -W -f='${db:Status-Status}' "$p" 2>/dev/null || true)" != installed ]; then
		missing+=("$p")
	fi
done
if [ ${#missing[@]} -eq 0 ] && [ -x $heimdal/usr/bin/kinit.heimdal ]; then
	echo "interop: all ${#packages[@]} packages are installed"
	exit 0
fi
if [ ! -f /etc/debian_version ] || [ "$(id -u)" != 0 ]; then
	echo "interop: these packages are missing, and only root on Debian can install them: ${missing[*]} (heimdal-clients in $heimdal)" >&2
	exit 0
fi
echo "interop: installing ${missing[*]}"
# With RUNLEVEL=1 the packages do not start their daemons.
export DEBIAN_FRONTEND=noninteractive RUNLEVEL=1
apt-get update -qq
# Debian 12 has valkey-server in its backports only. They are at the address from which apt
# of this machine gets Debian; apt takes a package from there only if Debian 12 lacks it.
if [ -z "$(apt-cache madison valkey-server)" ]; then
	backports=$(apt-get indextargets --format '$(LABEL) $(CODENAME) $(COMPONENT) $(REPO_URI)' 'Created-By: Packages' |
		awk '$1 == "Debian" && $2 == "bookworm" && $3 == "main" && !found { print "deb " $4 " bookworm-backports main"; found = 1 }')
	if [ -z "$backports" ]; then
		echo "interop: apt of this machine has no source of Debian 12, so it cannot install valkey-server" >&2
	else
		echo "$backports" >/etc/apt/sources.list.d/kerberos-interop-backports.list
		apt-get update -qq
	fi
fi
if [ ${#missing[@]} -gt 0 ]; then
	apt-get install -qq -y --no-install-recommends "${missing[@]}" >/dev/null
fi
if [ ! -x $heimdal/usr/bin/kinit.heimdal ]; then
	unpack=$(mktemp -d)
	(cd "$unpack" && apt-get download -qq heimdal-clients && dpkg -x heimdal-clients_*.deb "$heimdal")
	rm -r "$unpack"
fi
