//! The contract in a browser's window.
#![cfg(target_arch = "wasm32")]

mod subjects;

wasm_bindgen_test::wasm_bindgen_test_configure!(run_in_browser);

mod directory {
    use sessile::conformance::conformance_tests;
    use wasm_bindgen_test::wasm_bindgen_test;

    use crate::subjects::databases::Databases;

    conformance_tests!(#[wasm_bindgen_test] async Databases::new());
}
