#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Report the lines of src/ that a fuzzer has reached.

usage: coverage.py REACHED SOURCE <DISASSEMBLY

REACHED is a file with a byte for each address of the module's code, in the layout of
src/kcov.rs. A byte is not 0 if KCOV has reported its address. SOURCE is the directory
src, and DISASSEMBLY the output of objdump -drl --inlines.

Every block begins with a call to KCOV. If the call was run, so was the code up to the
next call. Prints a line for each file, with the lines that were not reached, and then
the percentage. Lines that only begin or end something do not count: they have no code
where a function is inlined, but they do in the uncalled copy of the function.
"""

import collections
import pathlib
import re
import sys

# The offsets and sizes of SECTIONS in src/kcov.rs.
SECTIONS = {
    ".text": (0, 0x200000),
    ".init.text": (0x200000, 0x10000),
    ".exit.text": (0x210000, 0x10000),
}
INSTRUCTION = re.compile(r"^ +([0-9a-f]+):\t")
FUNCTION = re.compile(r"^[0-9a-f]+ <(.*)>:$")
PLACE = re.compile(
    r"^(?:inlined by )?(/\S+/tree/src/\S+):(\d+)(?: \(discriminator \d+\))?"
)
FRAME = re.compile(
    r'(?:pub(?:\(crate\))? )?(?:unsafe )?(?:extern "C" )?fn |#\[|[{}();,]*$'
)
TEST_ITEM = re.compile(r"^( *)#\[cfg\((?:all\()?CONFIG_KUNIT\b")


class Block:
    """Instructions that are run together, and their source lines."""

    def __init__(self):
        self.places = set()
        self.reached = None


def blocks(lines, reached):
    """Yield the blocks of a disassembled module."""
    (base, size), block, after_call, described = (0, 0), Block(), False, False
    # objdump omits the innermost place if it is the one that it has printed last.
    innermost, callers = set(), set()
    for line in lines:
        if match := INSTRUCTION.match(line):
            if after_call:
                offset = int(match[1], 16)
                if offset >= size:
                    sys.exit(f"a section is larger than {size:#x}: enlarge SECTIONS")
                hit = reached[base + offset] != 0
                if block.reached is not None:
                    yield block
                    block = Block()
                block.reached = hit
                after_call = False
            block.places |= innermost | callers
            described = True
        elif "__sanitizer_cov_trace_pc" in line:
            after_call = True
        elif match := FUNCTION.match(line):
            if block.reached is not None:
                yield block
            block, innermost, callers = Block(), set(), set()
        elif line.startswith("Disassembly of section "):
            base, size = SECTIONS[line.split()[-1].rstrip(":")]
        elif not line.startswith("\t"):
            # The first line of this kind after an instruction describes the next one.
            if described:
                callers, described = set(), False
            places = set()
            if match := PLACE.match(line):
                places.add((match[1].split("/tree/src/")[1], int(match[2])))
            if line.startswith("inlined by "):
                callers |= places
            elif line.startswith("/"):
                innermost = places
    if block.reached is not None:
        yield block


def lines_left_out(source):
    """Return the lines that are only for KUnit, or have no code of their own."""
    found, indent = set(), None
    for number, line in enumerate(source.read_text().splitlines(), 1):
        if line[:1] not in " \t" or FRAME.match(line.lstrip()):
            found.add(number)
        if indent is None and (match := TEST_ITEM.match(line)):
            indent = match[1]
        if indent is not None:
            found.add(number)
            if line in (indent + "}", indent + "};") or (
                line.startswith(indent)
                and line.rstrip().endswith(";")
                and not line[len(indent)].isspace()
            ):
                indent = None
    return found


def is_test(name):
    """Return whether a file is a test."""
    return (
        name.startswith(("tests/", "generated/")) or name == "abstractions/testing.rs"
    )


def ranges(numbers):
    """Format numbers as ranges: 3-5, 8."""
    out = []
    for number in sorted(numbers):
        if out and out[-1][1] == number - 1:
            out[-1][1] = number
        else:
            out.append([number, number])
    return ", ".join(str(a) if a == b else f"{a}-{b}" for a, b in out)


def main():
    """Read, count and print."""
    reached_file, source = (pathlib.Path(a) for a in sys.argv[1:3])
    reached = reached_file.read_bytes()
    code, hit = collections.defaultdict(set), collections.defaultdict(set)
    for block in blocks(sys.stdin, reached):
        for name, number in block.places:
            if number:
                code[name].add(number)
                if block.reached:
                    hit[name].add(number)
    all_code = all_hit = 0
    for name in sorted(code):
        if is_test(name):
            continue
        lines = code[name] - lines_left_out(source / name)
        there = hit[name] & lines
        all_code += len(lines)
        all_hit += len(there)
        missing = f": not {ranges(lines - there)}" if lines != there else ""
        print(f"{name}: {len(there)} of {len(lines)}{missing}")
    print(f"lines reached: {all_hit} of {all_code}, {100 * all_hit / all_code:.1f} %")


if __name__ == "__main__":
    main()
