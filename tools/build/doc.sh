#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Build Documentation as HTML: the manual in build/doc/manual, the manual pages in
# build/doc/man.
set -euo pipefail
. "$(dirname "$0")/../env/lib.sh"
cd "$TOP"

out=build/doc
start=$SECONDS
rm -rf $out/manual $out/man
mkdir -p $out/man

# -n: a dangling reference is a warning, too.
in_root sphinx-build -q -n -W --keep-going -b html -d build/doctrees -E \
	Documentation $out/manual

# Links to our own pages stay in this directory, links to other pages go to the web.
# shellcheck disable=SC2016 # for the shell in the root
in_root sh -ec 'cd Documentation/man
	links="%N.%S.html;https://man7.org/linux/man-pages/man%S/%N.%S.html"
	for page in *; do
		mandoc -T html -O man="$links" "$page" >"$1/$page.html"
	done' sh "$TOP/$out/man"

say "documentation: build/doc/manual/index.html ($((SECONDS - start)) s)"
