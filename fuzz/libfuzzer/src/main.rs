//! libFuzzer over the target that `ARCOFORGE_FUZZ_TARGET` names; see ci/long/fuzz.sh.

#![no_main]

use std::sync::OnceLock;

use arcoforge_fuzz::{Target, guard, targets};

fn target() -> &'static Target {
    static TARGET: OnceLock<&Target> = OnceLock::new();
    TARGET.get_or_init(|| {
        let name = std::env::var("ARCOFORGE_FUZZ_TARGET").unwrap_or_default();
        targets::named(&name).unwrap_or_else(|| panic!("no target `{name}`: set ARCOFORGE_FUZZ_TARGET"))
    })
}

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    guard::run(target(), data);
});

libfuzzer_sys::fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| {
    let size = libfuzzer_sys::fuzzer_mutate(data, size, max_size);
    if let Some(repair) = target().repair.filter(|_| seed % 4 != 0) {
        repair(data.get_mut(..size).unwrap_or_default());
    }
    size
});
