//! How wasm memory grows: by a share of what there is, never by a page.
//!
//! Each growth detaches the `ArrayBuffer` over the memory, and V8 collects garbage over it. One page (64 KiB)
//! at a time made inserts fifteen times slower than a `Map`; a quarter of the heap, and at least 8 MiB, makes
//! them faster than one. What is grown ahead costs address space, not memory, until it is used.

use std::{
    alloc::{GlobalAlloc, Layout},
    cell::UnsafeCell,
    ptr,
};

use dlmalloc::{Allocator, Dlmalloc};

const PAGE: usize = 64 * 1024;
const LEAST_PAGES: usize = 8 * 1024 * 1024 / PAGE;

/// Where the allocator gets its memory: dlmalloc is the standard library's own allocator on wasm32, which
/// would ask for no more than it needs.
struct GrowAhead;

// SAFETY: `alloc` hands out memory that `memory.grow` has just made, which nobody else knows of, and says
// its true size. Nothing is ever given back, so the other functions have nothing to get wrong.
unsafe impl Allocator for GrowAhead {
    fn alloc(&self, size: usize) -> (*mut u8, usize, u32) {
        let needed = size.div_ceil(PAGE);
        let ahead = (std::arch::wasm32::memory_size::<0>() / 4).max(LEAST_PAGES);
        // Near the end of the address space there may be room for the one and not for the other.
        for pages in [needed.max(ahead), needed] {
            let before = std::arch::wasm32::memory_grow::<0>(pages);
            if before != usize::MAX {
                return (ptr::without_provenance_mut(before * PAGE), pages * PAGE, 0);
            }
        }
        (ptr::null_mut(), 0, 0)
    }

    fn remap(&self, _: *mut u8, _: usize, _: usize, _: bool) -> *mut u8 {
        ptr::null_mut()
    }

    fn free_part(&self, _: *mut u8, _: usize, _: usize) -> bool {
        false
    }

    fn free(&self, _: *mut u8, _: usize) -> bool {
        false
    }

    fn can_release_part(&self, _: u32) -> bool {
        false
    }

    fn allocates_zeros(&self) -> bool {
        true
    }

    fn page_size(&self) -> usize {
        PAGE
    }
}

struct Global(UnsafeCell<Dlmalloc<GrowAhead>>);

#[cfg(target_feature = "atomics")]
compile_error!("the allocator has no lock: build without threads");

// SAFETY: without the `atomics` feature an instance has one thread, and an allocator calls nobody who could
// call it back.
unsafe impl Sync for Global {}

// SAFETY: as for `Sync`, each call has the only reference to the cell's content while it lasts; what is asked
// of it is passed to dlmalloc unchanged.
unsafe impl GlobalAlloc for Global {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: see above.
        unsafe { (*self.0.get()).malloc(layout.size(), layout.align()) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: see above.
        unsafe { (*self.0.get()).calloc(layout.size(), layout.align()) }
    }

    unsafe fn dealloc(&self, start: *mut u8, layout: Layout) {
        // SAFETY: see above; `start` came from this allocator.
        unsafe { (*self.0.get()).free(start, layout.size(), layout.align()) }
    }

    unsafe fn realloc(&self, start: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: see above; `start` came from this allocator.
        unsafe { (*self.0.get()).realloc(start, layout.size(), layout.align(), size) }
    }
}

#[global_allocator]
static GLOBAL: Global = Global(UnsafeCell::new(Dlmalloc::new_with_allocator(GrowAhead)));
