// SPDX-License-Identifier: GPL-2.0

//! Makes `uapi.rs` from `uapi.h`, by bindgen.

use std::{env, fs, path::PathBuf, process::Command};

const OPTIONS: [&str; 9] = [
    "--allowlist-type",
    "command|ukevent|(evfd|kevent|post_test|produce)_.*",
    "--allowlist-var",
    "EVFD_(.FD|EVENTFS|ARENA)_.*|POST_TEST_DRAIN|KEVENT_.*",
    "--no-prepend-enum-name",
    "--no-layout-tests",
    "--no-doc-comments",
    "--with-derive-default",
    "--use-core",
];

/// The kinds with flags of their own: `EVFD_EFD_*` and so on.
const KINDS: [&str; 3] = ["EFD", "SFD", "EVENTFS"];

/// A list of the flags in `bindings` that are the kind's own, in the order of the header.
fn own_flags(bindings: &str, kind: &str) -> String {
    let prefix = format!("EVFD_{kind}_");
    let names = bindings
        .lines()
        .filter_map(|line| Some(line.strip_prefix("pub const ")?.split_once(':')?.0))
        .filter(|name| name.starts_with(&prefix))
        .filter(|name| !name.ends_with("_CLOEXEC") && !name.ends_with("_NONBLOCK"))
        .collect::<Vec<_>>();
    assert!(!names.is_empty(), "no flags {prefix}*");
    let names = names.join(", ");
    format!("pub const {kind}_FLAGS: &[u32] = &[{names}];\n")
}

fn main() {
    let out = PathBuf::from(env::var_os("OUT_DIR").unwrap()).join("uapi.rs");
    let status = Command::new("bindgen")
        .arg("uapi.h")
        .args(OPTIONS)
        .arg("--output")
        .arg(&out)
        .status();
    assert!(status.expect("bindgen").success());
    let mut bindings = fs::read_to_string(&out).unwrap();
    for kind in KINDS {
        bindings += &own_flags(&bindings, kind);
    }
    fs::write(&out, bindings).unwrap();
    for file in [
        "uapi.h",
        "../kmod/post_test.h",
        "../kmod/produce.h",
        "../../include/uapi/linux/evfd.h",
        "../../include/uapi/linux/kevent.h",
    ] {
        println!("cargo:rerun-if-changed={file}");
    }
}
