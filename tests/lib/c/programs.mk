# SPDX-License-Identifier: GPL-2.0
#
# Builds a directory of test programs. Its Makefile includes this file, and sets before:
#   HERE: the directory
#   OPTIONS: additional options of the compiler
#   HEADERS: dependencies, besides headers in the directory and in tests/lib/c
#   PROGRAMS: the programs' names, if they are in directories of their own
#
# make O=DIR KSRC=DIR: builds each test program into O, for 64 bits as NAME and
# for 32 bits as NAME32. KSRC is a kernel source tree, because the programs use
# its kselftest harness.

ifeq ($(and $(O),$(KSRC)),)
$(error usage: make O=DIRECTORY-FOR-THE-PROGRAMS KSRC=KERNEL-SOURCE)
endif

PROGRAMS ?= $(basename $(notdir $(wildcard $(HERE)*.c)))
HEADERS += $(wildcard $(HERE)*.h $(HERE)../lib/c/*.h $(HERE)../../include/uapi/linux/*.h \
	$(HERE)../../lib/c/include/evfd/*.h)

# -O2 compiles for twice as long.
CFLAGS := -O1 -g0 -Wall -Wextra -Werror -pthread $(OPTIONS) \
	-iquote $(HERE)../lib/c -I$(HERE)../../include/uapi -I$(HERE)../../lib/c/include \
	-isystem $(KSRC)/tools/testing/selftests

all: $(PROGRAMS:%=$(O)/%) $(PROGRAMS:%=$(O)/%32)

$(O)/%: $(HERE)%.c $(HEADERS)
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) -o $@ $<

$(O)/%32: $(HERE)%.c $(HEADERS)
	@mkdir -p $(@D)
	$(CC) -m32 $(CFLAGS) -o $@ $<

.PHONY: all
