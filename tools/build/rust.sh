#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Format the Rust code, document it, or describe it to editors.
#
# usage: rust.sh fmt [--check]   format it, or check its format
#        rust.sh doc             make its documentation, in build/doc/evfd
#        rust.sh analyzer        make rust-project.json, for editors
set -euo pipefail
. "$(dirname "$0")/../env/lib.sh"
cd "$TOP"

fmt() {
	local files
	mapfile -t files < <(find src include samples tests/loom tests/fuzz -name '*.rs' ! -path '*/generated/*')
	in_root rustfmt --edition 2021 "$@" "${files[@]}"
}

doc() {
	local kdir tree=$TOP/build/cloud/tree out=$TOP/build/doc start=$SECONDS
	# The code includes the types made by bindgen.
	"$TOP/tools/build/module.sh" cloud
	kdir=$("$TOP/tools/env/kernel.sh" cloud)/build
	rm -rf "$out"
	(cd "$kdir" && in_root env RUSTC_BOOTSTRAP=1 OBJTREE="$kdir" RUST_MODFILE=evfd \
		EVFD_UAPI_RS="$tree/src/generated/uapi.rs" \
		EVFD_HELPERS_RS="$tree/src/generated/helpers.rs" \
		rustdoc --edition=2021 --crate-name evfd --document-private-items \
		--target=scripts/target.json --sysroot=/dev/null -Zunstable-options \
		-Dwarnings -Arustdoc::private-intra-doc-links -Zcrate-attr=no_std \
		-Zcrate-attr='feature(arbitrary_self_types,asm_goto,used_with_arg)' \
		-L rust --extern kernel --extern pin_init --extern zerocopy \
		--extern zerocopy_derive @include/generated/rustc_cfg \
		--cfg MODULE -o "$out" "$TOP/src/evfd.rs")
	say "documentation: build/doc/evfd/index.html ($((SECONDS - start)) s)"
}

analyzer() {
	local kdir root
	"$TOP/tools/build/module.sh" cloud
	kdir=$("$TOP/tools/env/kernel.sh" cloud)/build
	root=$("$TOP/tools/env/root.sh")
	in_root make -s -C "$kdir" M="$TOP" rust-analyzer
	in_root python3 tools/build/rust-project.py "$root" "$TOP/build/cloud/tree"
	say "rust-project.json is ready"
}

case ${1:-} in
fmt | doc | analyzer) "$@" ;;
*) die "usage: rust.sh fmt [--check] | doc | analyzer" ;;
esac
