//! The JavaScript bindings: the only place that knows a JavaScript value.
//!
//! The npm package's TypeScript (`pkg-template/src`) speaks to these classes; nothing here is public to
//! Rust. Three ways lead in:
//!
//! - **Whole values in memory** ([`memory`]): ids and contents are encoded straight into a window of wasm
//!   memory ([`window`]), and a call passes numbers only. No string, stream, promise or object crosses.
//! - **What a client holds** ([`ticket`]): by the same window, synchronously.
//! - **Everything else** ([`storage`]): any [`SessionStorage`](crate::SessionStorage) behind promises and web
//!   streams ([`channels`]).

#![allow(unreachable_pub)] // wasm-bindgen exports what is `pub`, wherever it stands
#![allow(clippy::unnecessary_wraps)] // what crosses to JavaScript does: see `call::Answer`
#![allow(clippy::float_cmp)] // in what wasm-bindgen makes of an enum, whose numbers are whole

mod allocator;
mod cache;
mod call;
mod channels;
mod clock;
mod custom;
mod directory;
mod error;
mod medium;
mod memory;
mod options;
mod records;
mod sealed;
mod storage;
mod ticket;
mod window;
