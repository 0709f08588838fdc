#!/bin/sh
# Writes certificates.txt: for each signature algorithm a certificate that openssl made,
# after a line with its name and the hashes, also by openssl, that are valid as its
# tls-server-end-point.
#   sh openssl.sh > certificates.txt
set -eu
dir=$(mktemp -d)
trap 'rm -r "$dir"' EXIT
cert() { # cert NAME "HASH ..." "OPTIONS OF GENPKEY" OPTIONS OF REQ...
	name=$1 hashes=$2 key=$3
	shift 3
	openssl genpkey $key -out "$dir/key.pem" 2>/dev/null
	openssl req -x509 -new -key "$dir/key.pem" -subj "/CN=$name" -days 36500 -out "$dir/cert.pem" "$@" 2>/dev/null
	openssl x509 -in "$dir/cert.pem" -outform der -out "$dir/cert.der"
	printf '%s' "$name"
	for h in $hashes; do
		printf ' %s' "$(openssl dgst -"$h" -r "$dir/cert.der" | cut -d' ' -f1)"
	done
	echo
	cat "$dir/cert.pem"
}
rsa='-algorithm RSA -pkeyopt rsa_keygen_bits:2048'
pss='-sigopt rsa_padding_mode:pss'
p256='-algorithm EC -pkeyopt ec_paramgen_curve:P-256'
for h in sha224 sha256 sha384 sha512; do
	cert "rsa-$h" $h "$rsa" -$h
	cert "rsa-pss-$h" $h "$rsa" -$h $pss -sigopt rsa_pss_saltlen:digest
	cert "ecdsa-$h" $h "$p256" -$h
done
cert rsa-md5 sha256 "$rsa" -md5
cert rsa-sha1 sha256 "$rsa" -sha1
cert rsa-pss-sha1 sha256 "$rsa" -sha1 $pss
cert ecdsa-sha1 sha256 "$p256" -sha1
cert rsa-pss-sha256-mgf-sha1 sha256 "$rsa" -sha256 $pss -sigopt rsa_mgf1_md:sha1
cert rsa-pss-sha512-salt-20 sha512 "$rsa" -sha512 $pss -sigopt rsa_pss_saltlen:20
cert ed25519 'sha512 sha256' '-algorithm ED25519'
cert ed448 'sha512 sha256' '-algorithm ED448'
