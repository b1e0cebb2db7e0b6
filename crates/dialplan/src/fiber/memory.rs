//! How much memory a script holds, measured where it is allocated.
//!
//! Rhai limits the size of each value, not how many there are. So the binary's allocator counts what
//! each thread has allocated and not freed, and a running script is charged with the difference.
#![allow(unsafe_code)]

use std::alloc::{GlobalAlloc, Layout};
use std::cell::Cell;

thread_local! {
    // Without a destructor and const: reading it never allocates.
    static HELD: Cell<isize> = const { Cell::new(0) };
}

/// An allocator that counts for [`ValueLimits::memory`](crate::ValueLimits::memory). Without it in the binary
/// (`#[global_allocator]`) that limit does nothing.
#[derive(Copy, Clone, Debug, Default)]
pub struct Metered<A>(pub A);

/// Bytes this thread has allocated and not freed; negative where it has freed more of others' than
/// others of its. Only differences mean anything.
pub(super) fn held() -> isize {
    HELD.get()
}

/// A `Layout` never exceeds `isize::MAX`, and what is live never the address space: this cannot wrap
/// in one direction only, and wrapping keeps differences right.
fn count(bytes: isize) {
    HELD.set(HELD.get().wrapping_add(bytes));
}

// SAFETY: every call is passed on as it came and its answer returned as it is, so what holds for `A`
// holds here. Counting reads and writes one plain thread-local word: it cannot allocate, unwind, or
// be entered twice.
unsafe impl<A: GlobalAlloc> GlobalAlloc for Metered<A> {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size().cast_signed());
        // SAFETY: the caller's promise, passed on.
        unsafe { self.0.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        count(layout.size().cast_signed().wrapping_neg());
        // SAFETY: the caller's promise, passed on.
        unsafe { self.0.dealloc(memory, layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count(layout.size().cast_signed());
        // SAFETY: the caller's promise, passed on.
        unsafe { self.0.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count(size.cast_signed().wrapping_sub(layout.size().cast_signed()));
        // SAFETY: the caller's promise, passed on.
        unsafe { self.0.realloc(memory, layout, size) }
    }
}
