# SPDX-License-Identifier: GPL-2.0
#
# How a directory of test programs is built; its Makefile sets HERE to the
# directory, OPTIONS to what the compiler is told beside the rest, HEADERS to what the
# programs depend on besides headers in the directory and in tests/lib/c, and PROGRAMS to
# their names if they are in directories of their own, and includes this.
#
# make O=DIR KSRC=DIR: builds each test program into O, for 64 bits as NAME and
# for 32 bits as NAME32. KSRC is a kernel source tree: the programs are written
# on its kselftest harness.

ifeq ($(and $(O),$(KSRC)),)
$(error usage: make O=DIRECTORY-FOR-THE-PROGRAMS KSRC=KERNEL-SOURCE)
endif

PROGRAMS ?= $(basename $(notdir $(wildcard $(HERE)*.c)))
HEADERS += $(wildcard $(HERE)*.h $(HERE)../lib/c/*.h) $(HERE)../../include/uapi/linux/evfd.h

CFLAGS := -O2 -g0 -Wall -Wextra -Werror -pthread $(OPTIONS) \
	-iquote $(HERE)../lib/c -I$(HERE)../../include/uapi -isystem $(KSRC)/tools/testing/selftests

all: $(PROGRAMS:%=$(O)/%) $(PROGRAMS:%=$(O)/%32)

$(O)/%: $(HERE)%.c $(HEADERS)
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) -o $@ $<

$(O)/%32: $(HERE)%.c $(HEADERS)
	@mkdir -p $(@D)
	$(CC) -m32 $(CFLAGS) -o $@ $<

.PHONY: all
