# SPDX-License-Identifier: GPL-2.0
#
# Rules for the Kbuild file of a module that uses evfd.rs or kevent.rs. They generate
# evfd_generated.rs and kevent_generated.rs, the bindings to include/linux/evfd.h and
# kevent.h, in the module's build directory. The module's object has the file that it
# uses as a prerequisite.

evfd_include := $(src)/../../include

# bindgen parses with clang. clang gets gcc's options except those for code
# generation, and the options that change types.
evfd_bindgen_c_flags = $(filter-out -f% -m% --param% -pg,$(c_flags)) \
	-fms-extensions -fshort-wchar -fno-builtin -w \
	--target=x86_64-linux-gnu -DMODULE -D__BINDGEN__ \
	-I$(evfd_include) -I$(evfd_include)/uapi

quiet_cmd_evfd_bindgen = BINDGEN $(quiet_modtag) $@
      cmd_evfd_bindgen = \
	$(BINDGEN) $< $(evfd_bindgen_flags) --rust-target 1.85 --use-core \
		--ctypes-prefix ffi --no-layout-tests --no-debug '.*' \
		--no-doc-comments --formatter none -o $@ -- \
		$(evfd_bindgen_c_flags) && \
	sed -i 's/pub const RUST_CONST_HELPER_/pub const /g' $@

export EVFD_GENERATED_RS := $(abspath $(obj))/evfd_generated.rs

$(obj)/evfd_generated.rs: private evfd_bindgen_flags = \
	--allowlist-function 'evfd_ctx_(fdget|put|signal)' \
	--opaque-type evfd_ctx
$(obj)/evfd_generated.rs: $(evfd_include)/linux/evfd.h FORCE
	$(call if_changed_dep,evfd_bindgen)

export KEVENT_GENERATED_RS := $(abspath $(obj))/kevent_generated.rs

$(obj)/kevent_generated.rs: private evfd_bindgen_flags = \
	--allowlist-function 'kevent_.*' --opaque-type kevent \
	--blocklist-type 'file|file_operations|.*list_(head|node)'
$(obj)/kevent_generated.rs: $(evfd_include)/linux/kevent.h FORCE
	$(call if_changed_dep,evfd_bindgen)

targets += evfd_generated.rs kevent_generated.rs
clean-files += evfd_generated.rs kevent_generated.rs
