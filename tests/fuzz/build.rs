// SPDX-License-Identifier: GPL-2.0

//! Makes `uapi.rs` from `uapi.h`, by bindgen.

use std::{env, path::PathBuf, process::Command};

const OPTIONS: [&str; 9] = [
    "--allowlist-type",
    "command|(evfd|post_test)_.*",
    "--allowlist-var",
    "EVFD_.FD_.*|POST_TEST_DRAIN",
    "--no-prepend-enum-name",
    "--no-layout-tests",
    "--no-doc-comments",
    "--with-derive-default",
    "--use-core",
];

fn main() {
    let out = PathBuf::from(env::var_os("OUT_DIR").unwrap()).join("uapi.rs");
    let status = Command::new("bindgen")
        .arg("uapi.h")
        .args(OPTIONS)
        .arg("--output")
        .arg(out)
        .status();
    assert!(status.expect("bindgen").success());
    for file in [
        "uapi.h",
        "../kmod/post_test.h",
        "../../include/uapi/linux/evfd.h",
    ] {
        println!("cargo:rerun-if-changed={file}");
    }
}
