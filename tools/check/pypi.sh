#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Run a program from PyPI, such as a linter, in the toolchain root.
#
# usage: pypi.sh COMMAND ARGUMENT...
#
# The programs are those of requirements.txt. pip installs them into the cache, from
# PyPI or from the index that the caller's own settings name: PIP_* in the environment,
# or the caller's pip.conf.
set -euo pipefail
. "$(dirname "$0")/../env/lib.sh"
[ $# -gt 0 ] || die "usage: pypi.sh COMMAND ARGUMENT..."
requirements=$TOP/tools/check/requirements.txt

# copy_first NAME FILE...: copy the first FILE that exists to $dir/.pip/NAME, or else make
# that empty.
copy_first() {
	local name=$1 file
	shift
	for file; do
		[ -z "$file" ] || [ ! -e "$file" ] || {
			cp "$file" "$dir/.pip/$name"
			return 0
		}
	done
	: >"$dir/.pip/$name"
}

# In the root, pip does not see the caller's settings, nor the certificates that this
# machine trusts: it gets copies. Each package must be in requirements.txt with its hash.
install_programs() {
	local dir=$1 x variables
	mkdir -m 700 "$dir/.pip"
	copy_first pip.conf "${PIP_CONFIG_FILE:-}" "${XDG_CONFIG_HOME:-$HOME/.config}/pip/pip.conf" \
		"$HOME/.pip/pip.conf" /etc/pip.conf
	copy_first ca.crt "${PIP_CERT:-}" "${SSL_CERT_FILE:-}" /etc/ssl/certs/ca-certificates.crt
	variables=(PIP_CONFIG_FILE="$dir/.pip/pip.conf")
	[ ! -s "$dir/.pip/ca.crt" ] || variables+=(PIP_CERT="$dir/.pip/ca.crt")
	for x in PIP_{INDEX_URL,EXTRA_INDEX_URL,TRUSTED_HOST,PROXY,DEFAULT_TIMEOUT,RETRIES}; do
		[ -z "${!x:-}" ] || variables+=("$x=${!x}")
	done
	in_root env "${variables[@]}" pip install --require-hashes --only-binary :all: \
		--no-cache-dir --disable-pip-version-check --root-user-action ignore \
		--target "$dir" --requirement "$requirements"
	rm -r "$dir/.pip"
}

"$TOP/tools/env/root.sh" >/dev/null
name=pypi-$DEBIAN_SUITE-$(hash_of "$0" "$requirements")
[ -e "$CACHE/$name" ] ||
	step "installing programs from PyPI" cached "$name" install_programs
in_root env PYTHONPATH="$CACHE/$name" "$CACHE/$name/bin/$1" "${@:2}"
