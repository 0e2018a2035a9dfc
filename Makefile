# SPDX-License-Identifier: GPL-2.0
#
# "make help" lists the targets.

# make, the shell or QEMU would interpret these characters of a path, and split it at a space.
special := : ; % & | < > * ? ' " ` \ , ( ) { } [ ] \# $$
ifneq ($(words .$(CURDIR).)$(strip $(foreach x,$(special),$(findstring $x,$(CURDIR)))),1)
$(error evfd cannot be built in '$(CURDIR)': the path must not have a space or any of $(special))
endif

# Debian's headers lack the Rust metadata that evfd-prepare-headers adds in /var/lib/evfd.
release := $(shell uname -r)
KDIR ?= $(firstword $(wildcard /var/lib/evfd/$(release)) /lib/modules/$(release)/build)
KEY ?= /var/lib/dkms/mok.key
CERT ?= /var/lib/dkms/mok.pub
prefix ?= /usr/local
KERNEL ?= cloud
SHARE ?=
TIME ?= 60
REPRO ?=

# As typed: make must not expand a line for the guest's shell.
export EVFD_CMD := $(value CMD)

MAKEFLAGS += --no-print-directory
guest := tools/guest/run.sh --kernel '$(KERNEL)' --log 'build/$(KERNEL)/guest.log'

module:
	@tools/build/check-kdir.sh '$(KDIR)'
	$(MAKE) -C '$(KDIR)' M='$(CURDIR)' modules

modules_install:
	$(MAKE) -C '$(KDIR)' M='$(CURDIR)' modules_install

sign:
	@tools/install/sign.sh '$(KDIR)' evfd.ko '$(KEY)' '$(CERT)'

install uninstall:
	@DESTDIR='$(DESTDIR)' prefix='$(prefix)' tools/install/install.sh $@

demo:
	@tools/build/share.sh --samples cloud
	@tools/guest/run.sh --share build/cloud/share --log build/cloud/guest.log \
		-- 'exec bash /mnt/share/demo.sh'

# Both start the runner without a shell in between, because make, when killed, kills only its
# own children. Without KERNEL=, each suite runs on all its kernels.
check: export EVFD_KERNEL := $(if $(filter file,$(origin KERNEL)),,$(KERNEL))
check:
	@tests/run.sh

# Takes hours, and builds debug kernels that check does not need.
soak: export EVFD_SOAK := 1
soak:
	@tests/run.sh

# Both print the tables. bench-doc writes them, and the plot, to Documentation/.
bench bench-doc:
	@tools/build/share.sh --bench cloud
	@tests/bench/tables.sh $(if $(filter bench-doc,$@),--doc)

fuzz:
	@tests/fuzz/run.sh '$(TIME)' 0 $(REPRO)

guest:
	@[ -n "$$EVFD_CMD" ] || { echo "usage: make guest CMD='...' [KERNEL=cloud|amd64|rt|debug] [SHARE=dir]"; exit 2; } >&2
	@tools/build/module.sh '$(KERNEL)'
	@$(guest) $(if $(SHARE),--share '$(SHARE)') -- "$$EVFD_CMD"

shell:
	@tools/build/module.sh '$(KERNEL)'
	@$(guest) $(if $(SHARE),--share '$(SHARE)') --shell

preload:
	@$(MAKE) -s -C tools/preload O='$(CURDIR)/build/preload'
	@echo 'evfd: build/preload/evfd-run PROGRAM... runs a program on evfd'

setup:
	@tools/env/kernel.sh '$(KERNEL)'

update:
	@tools/env/kernel.sh --update

fmt:
	@tools/build/rust.sh fmt

fmt-check:
	@tools/build/rust.sh fmt --check

clippy:
	@tools/build/module.sh --in clippy --make CLIPPY=1 \
		--make KRUSTFLAGS=-Dwarnings cloud samples/timer

doc:
	@tools/build/rust.sh doc
	@tools/build/doc.sh

rust-analyzer:
	@tools/build/rust.sh analyzer

clean:
	rm -rf build src/generated rust-project.json
	find . -path ./.git -prune -o -type f \( -name '*.o' -o -name '*.ko' \
		-o -name '*.mod' -o -name '*.mod.c' -o -name '.*.cmd' \
		-o -name '.*.d' -o -name Module.symvers -o -name modules.order \) \
		-exec rm -f {} +

help:
	@echo 'Try it, on any Debian machine:'
	@echo '  make demo            boot a Debian kernel, load evfd.ko, run the samples'
	@echo "  make guest CMD='...' run a command in such a guest (any failure is status 2 of make;"
	@echo '                       tools/guest/run.sh passes on the status of the command)'
	@echo '  make shell           the same, with a shell'
	@echo '    KERNEL=kernel      cloud (the default), amd64, rt, debug, debug-kcsan, debug-rt; or'
	@echo '                       cloud-7.2, amd64-7.2, rt-7.2'
	@echo '    SHARE=dir          show a directory at /mnt/share'
	@echo '  make check           run the tests; with KERNEL=, the suites for this kernel, on it'
	@echo '                       alone; with ONLY=, a single suite of these:'
	@tests/run.sh --list | sed 's/^/  /'
	@echo '  make soak [ONLY=suite]  the long forms of suites, then every suite for debug kernels on'
	@echo '                       each of them; takes hours'
	@echo '  make fuzz            fuzz evfd.ko for TIME=60 seconds, or repeat REPRO=file'
	@echo '  make bench           measure operations, memory and growth beside native: prints tables,'
	@echo '                       writes build/bench.json'
	@echo
	@echo 'On a machine to install it on:'
	@echo '  make preload         build build/preload/evfd-run, which runs other programs on evfd'
	@echo '  make install         headers, manual pages, the source for DKMS and the like'
	@echo '                       [prefix=/usr/local] [DESTDIR=dir]'
	@echo '  make uninstall       remove the installed files'
	@echo
	@echo 'With a kernel tree that has Rust metadata:'
	@echo '  make [KDIR=dir]      build evfd.ko for it'
	@echo '  make sign [KEY=file CERT=file]   for Secure Boot'
	@echo '  make modules_install put it where modprobe finds it'
	@echo
	@echo 'Working on it:'
	@echo '  make fmt, fmt-check  format the Rust code, or check its format'
	@echo "  make clippy          check it with the kernel's lints"
	@echo '  make doc             the documentation, in build/doc'
	@echo '  make bench-doc       make bench, and put its tables and plot into Documentation/'
	@echo '  make rust-analyzer   rust-project.json for editors'
	@echo '  make setup           only prepare the cache for KERNEL'
	@echo '  make update          move to the newest kernel of the series'
	@echo '  make clean           remove all products of builds; the cache stays'
	@echo
	@echo 'Environment: EVFD_MIRROR=http://.../debian downloads from this mirror.'

.PHONY: module modules_install sign install uninstall demo check soak bench bench-doc fuzz guest shell \
	preload setup update fmt fmt-check clippy doc rust-analyzer clean help
