#!/usr/bin/env bash
# Installs the programs that the tests of this folder run, on Debian and as root.
# Elsewhere it says what is missing and leaves the decision to the tests, which
# skip, or fail with KERBEROS_REQUIRE_INTEROP=1.
set -euo pipefail

# The initiators are MIT's, Heimdal's and Java's; gss-client, python3-gssapi and the
# programs that people use drive the first, a few lines of C the second, and the first
# where its GSS library does not go. faketime is for a client whose clock is wrong,
# gss-ntlmssp for one that offers NTLM.
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
	echo "interop: all ${#packages[@]} packages are there"
	exit 0
fi
if [ ! -f /etc/debian_version ] || [ "$(id -u)" != 0 ]; then
	echo "interop: not installed, and not root on Debian: ${missing[*]}" >&2
	exit 0
fi
echo "interop: installing ${missing[*]}"
# RUNLEVEL=1: no daemon is started by its package.
export DEBIAN_FRONTEND=noninteractive RUNLEVEL=1
apt-get update -qq
apt-get install -qq -y --no-install-recommends "${missing[@]}" >/dev/null
