# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# Functions of the set-up scripts: messages, the cache, the mirror.

# The kernel series that evfd is built for. Its newest version is looked up.
# shellcheck disable=SC2034
KERNEL_SERIES=7.3
DEBIAN_SUITE=trixie

TOP=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd -P)
CACHE=${XDG_CACHE_HOME:-$HOME/.cache}/evfd
mkdir -p "$CACHE"
CACHE=$(cd "$CACHE" && pwd -P)

say() {
	echo "evfd: $*" >&2
}

die() {
	say "$*"
	exit 1
}

# The Makefile refuses these characters too, and says why.
SPECIAL=$' \t\n:;%&|<>*?\'"`\\,(){}[]#$'
[[ $TOP != *["$SPECIAL"]* ]] ||
	die "nothing can be built in '$TOP': the path must not have a space or any of" \
		"${SPECIAL:3}"
[[ $CACHE != *["$SPECIAL"]* ]] ||
	die "'$CACHE' cannot be the cache: the path must not have a space or any of" \
		"${SPECIAL:3}. Name another directory: XDG_CACHE_HOME=dir"

# step TEXT COMMAND...: run COMMAND. Announces it with TEXT, and reports its time. Shows
# its output only if it fails.
step() {
	local text=$1 start=$SECONDS log status
	shift
	log=$(mktemp)
	say "$text ..."
	# Not in an if: that would switch errexit off inside.
	set +e
	(
		set -e
		"$@"
	) >"$log" 2>&1
	status=$?
	set -e
	if [ $status -ne 0 ]; then
		tail -n 60 "$log" >&2
		rm -f "$log"
		die "failed: $text"
	fi
	rm -f "$log"
	say "$text: $((SECONDS - start)) s"
}

hash_of() {
	cat "$@" | sha256sum | cut -c1-12
}

# cached NAME FUNCTION ARGUMENT...: make $CACHE/NAME unless it exists. FUNCTION fills
# the directory that is its last argument. The directory gets its name only after
# FUNCTION has succeeded, so a name means that the directory is complete.
cached() {
	local name=$1 lock tmp
	shift
	[ ! -e "$CACHE/$name" ] || return 0
	exec {lock}>"$CACHE/.lock-$name"
	flock -n "$lock" || {
		say "waiting for another process that makes $name"
		flock "$lock"
	}
	if [ ! -e "$CACHE/$name" ]; then
		# We hold the lock, so these are left from an interrupted set-up.
		rm -rf "$CACHE/.new-$name".*
		tmp=$(mktemp -d "$CACHE/.new-$name.XXXXXX")
		chmod 755 "$tmp"
		"$@" "$tmp"
		mv -T "$tmp" "$CACHE/$name"
	fi
	exec {lock}>&-
}

in_root() {
	"$TOP/tools/env/in-root.sh" "$@"
}

# The Debian mirror: EVFD_MIRROR, or else the mirror of this machine's apt.
mirror() {
	local uri
	uri=${EVFD_MIRROR:-}
	if [ -z "$uri" ]; then
		# shellcheck disable=SC2016
		uri=$(apt-get indextargets --format '$(REPO_URI) $(ORIGIN)' \
				'Created-By: Packages' 2>/dev/null |
			awk '($2 == "Debian" || NF == 1) &&
			     ($1 ~ /\/debian\/?$/ || $1 ~ /\/debian\.list\/?$/) {
				print $1; exit }')
	fi
	case $uri in
	mirror+file:*)
		uri=${uri#mirror+file:}
		uri=$(awk '!/^#/ && NF { print $1; exit }' "${uri%/}")
		;;
	esac
	[ -n "$uri" ] || die "this machine's apt names no Debian mirror." \
		"Name a mirror: EVFD_MIRROR=http://.../debian"
	echo "${uri%/}/"
}

# The proxy settings of this machine's apt, in the syntax of apt.conf.
apt_proxies() {
	apt-config dump 2>/dev/null |
		grep -E '^Acquire::(http|https)::Proxy ".+";$' || true
}
