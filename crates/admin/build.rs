//! The web page is embedded from `web/dist`. A build without it must still compile (and then serves
//! a plain page that says how to build it), so the folder is made where it is missing.

use std::{env, fs, io, path::PathBuf};

fn main() -> io::Result<()> {
    let root = env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from).unwrap_or_default();
    let dist = root.join("../../web/dist");
    fs::create_dir_all(&dist)?;
    println!("cargo::rerun-if-changed={}", dist.display());
    Ok(())
}
