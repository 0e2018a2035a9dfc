#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Complete the rust-project.json made by the kernel's script.

The script looks for a crate beside its Kbuild file. So it finds the samples, but
not src/evfd.rs, and finds the samples a second time in the build directories.

usage: rust-project.py ROOT TREE, in the checkout, where ROOT is the toolchain
root and TREE the directory in which evfd.ko was built.
"""

import json
import sys
from pathlib import Path

root, tree = sys.argv[1:]
top = Path.cwd()
file = top / "rust-project.json"
project = json.loads(file.read_text())

crates = []
for crate in project["crates"]:
    module = crate["root_module"]
    if module.startswith("/usr/"):
        crate["root_module"] = root + module
    elif not Path(module).is_absolute():
        crate["root_module"] = str(top / module)
    if not crate["root_module"].startswith(f"{top}/build/"):
        crates.append(crate)

# All modules are compiled with the same options: a sample's entry is the pattern.
pattern = crates[-1]
generated = f"{tree}/src/generated"
crates.append(
    pattern
    | {
        "display_name": "evfd",
        "root_module": str(top / "src/evfd.rs"),
        "env": pattern["env"]
        | {
            "RUST_MODFILE": "evfd",
            "EVFD_UAPI_RS": f"{generated}/uapi.rs",
            "EVFD_HELPERS_RS": f"{generated}/helpers.rs",
        },
        "source": {
            "include_dirs": [str(top / "src"), generated],
            "exclude_dirs": [],
        },
    }
)

project["crates"] = crates
project["sysroot"] = root + project["sysroot"]
file.write_text(json.dumps(project, indent=4, sort_keys=True) + "\n")
