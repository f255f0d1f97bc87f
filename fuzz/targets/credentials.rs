//! See `credentials` in the shared entries.
#![no_main]
#[allow(dead_code)]
#[path = "../../tests/support/targets/mod.rs"]
mod targets;
libfuzzer_sys::fuzz_target!(|data: &[u8]| targets::credentials(data));
