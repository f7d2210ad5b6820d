//! A manifest that asks for no rights keeps Windows from guessing by the name that the program installs something.

fn main() {
    if std::env::var("CARGO_CFG_TARGET_ENV").is_ok_and(|env| env == "msvc") {
        println!("cargo::rustc-link-arg-bins=/MANIFEST:EMBED");
        println!("cargo::rustc-link-arg-bins=/MANIFESTUAC:level='asInvoker'");
    }
    println!("cargo::rerun-if-changed=build.rs");
}
