//! The contract in a browser's window.
#![cfg(target_arch = "wasm32")]

mod subjects;

wasm_bindgen_test::wasm_bindgen_test_configure!(run_in_browser);
