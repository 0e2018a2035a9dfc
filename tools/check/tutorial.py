#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Copy the source, and add the code blocks of a page to the copy.

usage: tutorial.py PAGE TREE <FILES

FILES names the files to copy, a line each, and TREE is the copy. In PAGE, a comment above
each block of C or Rust names the file and the place of the block:

  .. tutorial: new FILE            the block is the whole file
  .. tutorial: end FILE            the block follows the last line of the file
  .. tutorial: after FILE: LINE    the block follows the line that begins with LINE
  .. tutorial: before FILE: LINE   the block precedes that line

FILE must have exactly one such line. Its indentation is added to the block's own. "before"
leaves an empty line below the block if there is an empty line above that line. The page is
indented with spaces. In C files, eight leading spaces become a tab.

Writes only the files that change, so that make rebuilds no others. Removes all other files from
TREE, except TREE/build. The exit status is 1 for a block without a place, and for a place that
does not exist.
"""

import pathlib
import re
import shutil
import sys

PLACE = re.compile(r" *\.\. tutorial: (new|end|after|before) ([^\s:]+)(?:: (.+))?$")
BLOCK = re.compile(r"( *)\.\. code-block:: (c|rust)$")
INDENT = re.compile(r"[ \t]*")


class Mistake(Exception):
    """A block that cannot be added."""


def blocks(page):
    """For each block: the number of its line, its place as a tuple, and its lines."""
    place, lines = None, page.splitlines()
    number = 0
    while number < len(lines):
        line = lines[number]
        number += 1
        if match := PLACE.match(line):
            place = match.groups()
        elif match := BLOCK.match(line):
            first, code, indent = number, [], match[1] + "   "
            while number < len(lines) and (
                not lines[number] or lines[number].startswith(indent)
            ):
                code.append(lines[number].removeprefix(indent))
                number += 1
            yield first, place, without_empty_ends(code)
            place = None
        elif line and place:
            raise Mistake(f"line {number}: no code block follows the place")


def without_empty_ends(lines):
    """The lines without the empty lines around them."""
    while lines and not lines[-1]:
        lines.pop()
    while lines and not lines[0]:
        lines.pop(0)
    return lines


def tabs(line):
    """A line of C, indented with tabs."""
    indent = INDENT.match(line).end()
    return "\t" * (indent // 8) + line[indent // 8 * 8 :]


def add(text, name, place, code):
    """The text of a file with a block added."""
    how, _, anchor = place
    if name.endswith((".c", ".h")):
        code = [tabs(line) for line in code]
    if (how in ("after", "before")) != bool(anchor):
        raise Mistake("the place must name a line for after and before only")
    if how == "new" and text is not None:
        raise Mistake(f"{name} exists already")
    if how != "new" and text is None:
        raise Mistake(f"{name} does not exist")
    lines = (text or "").splitlines()
    at = len(lines)
    if how in ("after", "before"):
        found = [i for i, line in enumerate(lines) if line.lstrip().startswith(anchor)]
        if len(found) != 1:
            raise Mistake(f"{name} has {len(found)} lines that begin with: {anchor}")
        indent = INDENT.match(lines[found[0]])[0]
        code = [indent + line if line else line for line in code]
        at = found[0] + (how == "after")
        if how == "before" and at and not lines[at - 1]:
            code.append("")
    lines[at:at] = code
    return "\n".join(lines) + "\n"


def write(path, data):
    """Makes the file at path hold data, if it does not."""
    if not path.is_file() or path.read_bytes() != data:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)


def main():
    page, tree = (pathlib.Path(argument) for argument in sys.argv[1:3])
    names = [name for name in sys.stdin.read().splitlines() if pathlib.Path(name).is_file()]
    files = {name: pathlib.Path(name).read_bytes() for name in names}
    count = 0
    for number, place, code in blocks(page.read_text()):
        count += 1
        if not place:
            raise Mistake(f"line {number}: the block has no place")
        name = place[1]
        text = files[name].decode() if name in files else None
        try:
            files[name] = add(text, name, place, code).encode()
        except Mistake as mistake:
            raise Mistake(f"line {number}: {mistake}") from None
    if not count:
        raise Mistake("there is no block")
    for name, data in files.items():
        write(tree / name, data)
    for name in names:
        shutil.copymode(name, tree / name)
    for top in tree.iterdir():
        for path in [top, *top.rglob("*")] if top.name != "build" else []:
            if not path.is_dir() and str(path.relative_to(tree)) not in files:
                path.unlink()


try:
    main()
except Mistake as mistake:
    sys.exit(f"{sys.argv[1]}: {mistake}")
