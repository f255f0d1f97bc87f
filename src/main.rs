//! The program: hands its arguments to the library.

/// Findings are made on scan threads and freed on the writer's, millions of them: the system's allocator spent a tenth of a
/// load on that.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Milliseconds that freed memory stays with the program. What a load frees it needs again at once: given back after a second,
/// as is the allocator's custom, it came back as empty pages, and the system spent a twelfth of a load on emptying them.
const KEPT_MS: std::ffi::c_long = 10_000;
/// `mi_option_purge_delay` in both versions of the allocator.
const PURGE_DELAY: libmimalloc_sys::mi_option_t = 15;

/// Tells the allocator; a user's own `MIMALLOC_PURGE_DELAY` stays. Huge pages are declined: the system empties two megabytes
/// where the first byte of them is touched, which takes more memory and, on virtual machines, a twentieth of a load's time.
#[allow(unsafe_code)] // the only place: the library forbids it
fn keep_memory() {
    // SAFETY: sets one number of a table of the allocator's, which checks the index; no other thread runs yet.
    unsafe { libmimalloc_sys::mi_option_set_default(PURGE_DELAY, KEPT_MS) }
    #[cfg(target_os = "linux")]
    let _ = rustix::thread::disable_transparent_huge_pages(true); // a system without them needs nothing
}

fn main() -> std::process::ExitCode {
    keep_memory();
    leaktrace::cli::main()
}
