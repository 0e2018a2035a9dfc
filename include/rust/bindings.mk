# SPDX-License-Identifier: GPL-2.0
#
# For the Kbuild file of a module that uses evfd.rs: makes evfd_generated.rs,
# the Rust side of include/linux/evfd.h, in the module's build directory. The
# object that needs it names it as a prerequisite.

evfd_include := $(src)/../../include

# The kernel's own rust/Makefile drops the same from what gcc is told: clang's
# parser, which bindgen uses, does not know them all.
evfd_bindgen_c_flags = $(filter-out -mpreferred-stack-boundary=% \
	-mindirect-branch=% -mindirect-branch-register -mfunction-return=% \
	-mrecord-mcount -mskip-rax-setup -mstack-protector-guard% \
	-mindirect-branch-cs-prefix -fno-allow-store-data-races \
	-fconserve-stack -falign-jumps=% -falign-loops=% -fno-ipa-% \
	-fno-partial-inlining -fno-reorder-blocks -fzero-call-used-regs=% \
	-fno-inline-functions-called-once -fsanitize=bounds-strict \
	-fstrict-flex-arrays=% -fmin-function-alignment=% --param=% \
	-fzero-init-padding-bits=% -fdiagnostics-show-context%, $(c_flags)) \
	-w --target=x86_64-linux-gnu

quiet_cmd_evfd_bindgen = BINDGEN $@
      cmd_evfd_bindgen = $(BINDGEN) $< $(evfd_bindgen_flags) \
	--rust-target 1.85 --formatter none --use-core --ctypes-prefix ffi --no-layout-tests \
	--no-debug '.*' --no-doc-comments -o $@ \
	-- $(evfd_bindgen_c_flags) -fno-builtin -D__BINDGEN__ -DMODULE \
	-I$(evfd_include) -I$(evfd_include)/uapi ; \
	sed -i 's/pub const RUST_CONST_HELPER_/pub const /' $@

export EVFD_GENERATED_RS := $(abspath $(obj))/evfd_generated.rs

$(obj)/evfd_generated.rs: private evfd_bindgen_flags = \
	--allowlist-function 'evfd_ctx_(fdget|put|signal)' \
	--opaque-type evfd_ctx
$(obj)/evfd_generated.rs: $(evfd_include)/linux/evfd.h FORCE
	$(call if_changed,evfd_bindgen)

targets += evfd_generated.rs
clean-files += evfd_generated.rs
