#!/usr/bin/env bash
# Installs the programs that the tests of this folder run, on Debian and as root.
# Elsewhere it prints the missing packages. The tests that need them are skipped, or fail
# if KERBEROS_REQUIRE_INTEROP=1.
set -euo pipefail

# The initiators are those of MIT, Heimdal and Java. gss-client, python3-gssapi, curl,
# Chromium, ssh, psql and the tools of OpenLDAP use MIT's library. Small C programs use
# Heimdal's library, and MIT's libkrb5 for user-to-user, which MIT's GSS library does not
# have. faketime gives a client a wrong clock. gss-ntlmssp lets a client offer NTLM.
packages=(
	jq nginx-light # the queries and the proxy of OPERATING.md
	krb5-kdc krb5-admin-server krb5-user krb5-gss-samples
	python3-gssapi faketime gss-ntlmssp
	libgssapi3-heimdal heimdal-multidev krb5-multidev gcc libc6-dev
	curl chromium openjdk-17-jdk-headless
	openssh-client
	ldap-utils libsasl2-modules-gssapi-mit
	postgresql-client libpostgresql-jdbc-java
)

missing=()
for p in "${packages[@]}"; do
	if [ "$(dpkg-query -W -f='${db:Status-Status}' "$p" 2>/dev/null || true)" != installed ]; then
		missing+=("$p")
	fi
done
if [ ${#missing[@]} -eq 0 ]; then
	echo "interop: all ${#packages[@]} packages are installed"
	exit 0
fi
if [ ! -f /etc/debian_version ] || [ "$(id -u)" != 0 ]; then
	echo "interop: these packages are missing, and only root on Debian can install them: ${missing[*]}" >&2
	exit 0
fi
echo "interop: installing ${missing[*]}"
# With RUNLEVEL=1 the packages do not start their daemons.
export DEBIAN_FRONTEND=noninteractive RUNLEVEL=1
apt-get update -qq
apt-get install -qq -y --no-install-recommends "${missing[@]}" >/dev/null
