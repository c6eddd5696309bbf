//! `Send` where threads are, and not where a browser is.
//!
//! On native targets every future, reader and writer of this crate is [`Send`], so that it runs on any
//! executor. In a browser they may hold JavaScript values, which belong to one thread. These names carry
//! that one difference; nothing else in the crate asks which target it is built for.

pub use self::alias::{BoxFuture, MaybeSend, MaybeSync};

#[cfg(not(target_arch = "wasm32"))]
mod alias {
    /// [`Send`] on native targets, nothing on wasm32.
    pub trait MaybeSend: Send {}
    impl<T: Send + ?Sized> MaybeSend for T {}

    /// [`Sync`] on native targets, nothing on wasm32.
    pub trait MaybeSync: Sync {}
    impl<T: Sync + ?Sized> MaybeSync for T {}

    /// An owned future: `Send` on native targets, not required to be on wasm32.
    pub type BoxFuture<'a, T> = futures::future::BoxFuture<'a, T>;
}

#[cfg(target_arch = "wasm32")]
mod alias {
    /// [`Send`] on native targets, nothing on wasm32.
    pub trait MaybeSend {}
    impl<T: ?Sized> MaybeSend for T {}

    /// [`Sync`] on native targets, nothing on wasm32.
    pub trait MaybeSync {}
    impl<T: ?Sized> MaybeSync for T {}

    /// An owned future: `Send` on native targets, not required to be on wasm32.
    pub type BoxFuture<'a, T> = futures::future::LocalBoxFuture<'a, T>;
}
