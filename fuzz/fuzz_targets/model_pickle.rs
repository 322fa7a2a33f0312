#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| dragoman_hostile::targets::run("model_pickle", bytes));
