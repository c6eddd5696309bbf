//! Every case as a test of `wasm-bindgen-test`, wherever the file that takes this in runs.

use sessile::conformance::conformance_tests;
use wasm_bindgen_test::wasm_bindgen_test;

use super::{Memory, Simplified, sealing::Sealed};

mod memory {
    use super::*;
    conformance_tests!(#[wasm_bindgen_test] async Memory);
}

mod simplified_exclusive {
    use super::*;
    conformance_tests!(#[wasm_bindgen_test] async Simplified::exclusive());
}

mod simplified_shared_slow {
    use super::*;
    conformance_tests!(#[wasm_bindgen_test] async Simplified::shared().slow());
}

mod sealed_memory {
    use super::*;
    conformance_tests!(#[wasm_bindgen_test] async Sealed(Memory));
}
