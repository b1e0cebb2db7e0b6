//! The migrations are embedded: a new one must build the crate again.

fn main() {
    println!("cargo:rerun-if-changed=../../migrations");
}
