#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Check that the files of src/ import in one direction.

usage: layers.py SRC

Reads the "use crate::" and "use super::" declarations of every Rust file below SRC, except
the KUnit suites in SRC/tests. Reports each import of a folder's mod.rs by a file in that
folder, and each circle of imports. The exit status is 1 if there is one.
"""

import pathlib
import re
import sys

USE = re.compile(r"^\s*(?:pub(?:\([^)]*\))? )?use ((?:crate|super)::[^;]*);", re.MULTILINE)
MACRO = re.compile(r"#\[macro_export\]\s*macro_rules! (\w+)")
COMMENT = re.compile(r"//[^\n]*")
TOKEN = re.compile(r"[{},]|[\w:*]+(?: as \w+)?")


def paths(tree):
    """The paths that a use tree names, as lists of names."""
    found, prefix, stack = [], [], []
    for token in TOKEN.findall(tree):
        if token == "{":
            stack.append(prefix)
        elif token == "}":
            stack.pop()
        elif token != ",":
            names = token.split(" as ")[0].rstrip(":").split("::")
            prefix = (stack[-1] if stack else []) + names
            if not token.endswith("::"):
                found.append(prefix)
    return found


def module_of(path):
    """The module path of a file."""
    names = list(path.with_suffix("").parts)
    return tuple(names[:-1] if names[-1] == "mod" else names)


def read(src):
    """For each module in a file of its own: its file's name and the modules it imports."""
    files = {}
    for file in sorted(src.rglob("*.rs")):
        name = file.relative_to(src)
        if name.parts[0] not in ("tests", "generated"):
            files[module_of(name)] = (str(name), COMMENT.sub("", file.read_text()))
    macros = {m: module for module, (_, text) in files.items() for m in MACRO.findall(text)}
    graph = {}
    for module, (name, text) in files.items():
        imports = set()
        for use in USE.findall(text):
            for root, *names in paths(use):
                at = list(module[:-1]) if root == "super" else []
                if len(names) == 1 and names[0] in macros:
                    at, names = list(macros[names[0]]), []
                target = tuple(at + names)
                while target not in files and target:
                    target = target[:-1]
                if target and target != module:
                    imports.add(target)
        graph[module] = (name, imports)
    return graph


def circles(graph):
    """The circles, each as the modules on the way."""
    done, way = set(), []

    def visit(module):
        if module in way:
            yield way[way.index(module) :] + [module]
        elif module not in done:
            way.append(module)
            for target in sorted(graph[module][1]):
                yield from visit(target)
            way.pop()
            done.add(module)

    for module in sorted(graph):
        yield from visit(module)


def main():
    graph = read(pathlib.Path(sys.argv[1]))
    complaints = [
        f"{name} imports {graph[target][0]}, the file above it"
        for module, (name, imports) in graph.items()
        for target in sorted(imports)
        if module[: len(target)] == target
    ]
    complaints += [
        "circle: " + " -> ".join(graph[module][0] for module in circle)
        for circle in circles(graph)
    ]
    if len(graph) < 2:
        complaints.append("there are no files to check")
    for complaint in complaints:
        print(complaint)
    return 1 if complaints else 0


sys.exit(main())
