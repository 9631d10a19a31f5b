//! What users see: programs that compile, and what the compiler says of those that do not.

use std::process::Command;

/// The compiler whose words are in `tests/ui/fail/*.stderr`: `TRYBUILD=overwrite` writes those of another.
const REFERENCE: &str = "rustc 1.95.";

#[test]
fn programs_with_the_macros_compile_and_wrong_ones_are_told_what_to_write_instead() {
    let cases = trybuild::TestCases::new();
    cases.pass("tests/ui/pass/*.rs");
    if is_reference() {
        cases.compile_fail("tests/ui/fail/*.rs");
    } else {
        skipped();
    }
}

fn is_reference() -> bool {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let version =
        Command::new(rustc).arg("--version").output().expect("the compiler that built this test can be asked");
    version.stdout.starts_with(REFERENCE.as_bytes())
}

#[expect(clippy::print_stderr, reason = "a test that did not run says so")]
fn skipped() {
    let reference = REFERENCE.trim_end_matches('.');
    eprintln!("SKIPPED: the compiler's words are compared with those of {reference} only");
}
