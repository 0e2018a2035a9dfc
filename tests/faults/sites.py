#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""List the calls in evfd.ko that may fail for want of memory or in copying.

Reads the output of "objdump -dr evfd.ko", and prints each such call like a stack trace
does: FUNCTION+0xOFFSET, with the offset of the instruction after the call.
"""

import re
import sys

# Other calls can't be made to fail: alloc_percpu() takes memory that the kernel has
# reserved.
MAY_FAIL = {
    "rust_helper_krealloc_node_align",
    "rust_helper_kvrealloc_node_align",
    "rust_helper_vrealloc_node_align",
    "get_zeroed_page_noprof",
    "__vmalloc_noprof",
    "__kmalloc_cache_noprof",
    "anon_inode_getfile_fmode",
    "get_unused_fd_flags",
    "ida_alloc_range",
    "misc_register",
    "rust_helper_poll_wait",
    "should_fail_usercopy",
    "_copy_to_iter",
}
# These free memory if they are called without flags.
REALLOCATE = {
    "rust_helper_krealloc_node_align",
    "rust_helper_kvrealloc_node_align",
    "rust_helper_vrealloc_node_align",
}
# Left out: KUnit's code. Copies of functions that only free memory. Initialisation, which
# is freed before a trace could name it. Copies of functions that are inlined where they
# are called. The second wait queue of a pidfd and of a socket, which have a single one.
LEFT_OUT = re.compile(
    r"4evfd5tests|5tests12abstractions|6MembermE|5TablemE|3VecjNt|^evfd_helper_watch|drop_in_place|4drop4Drop4drop"
    r"|^init_module|8AnonFile4poll$|7process6EndingE10join_queue|7machine5WakerE10join_queue"
)
FUNCTION = re.compile(r"^([0-9a-f]+) <(.*)>:$")
INSTRUCTION = re.compile(r"^\s*[0-9a-f]+:\t[0-9a-f ]+\t(\w+)")
NO_FLAGS = re.compile(r"\txor +%ecx,%ecx$")
RELOCATION = re.compile(r"^\s*([0-9a-f]+): R_X86_64_(?:PLT32|PC32)\s+(\w+)-0x4$")


def branches(lines):
    """Yield all calls and jumps: function, mnemonic, offset of the next, target.

    Leave out calls that free memory by reallocating. Their fourth argument, the flags, is 0.
    """
    start = 0
    frees = False
    function = mnemonic = ""
    for line in lines:
        if match := FUNCTION.match(line):
            start = int(match[1], 16)
            function = match[2]
        elif match := INSTRUCTION.match(line):
            frees = bool(NO_FLAGS.search(line)) or (frees and mnemonic != "call")
            mnemonic = match[1]
        elif match := RELOCATION.match(line):
            if frees and match[2] in REALLOCATE:
                continue
            # The relocation covers the last four bytes of the instruction.
            yield function, mnemonic, int(match[1], 16) + 4 - start, match[2]


found = list(branches(sys.stdin))
# A function that ends with a jump is in no stack trace, but its callers are.
jumps = {
    function
    for function, mnemonic, _, target in found
    if mnemonic == "jmp" and target in MAY_FAIL
}
for function, mnemonic, behind, target in found:
    if (
        mnemonic == "call"
        and target in MAY_FAIL | jumps
        and not LEFT_OUT.search(function)
    ):
        print(f"{function}+{behind:#x}")
