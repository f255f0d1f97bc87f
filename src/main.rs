//! The program: hands its arguments to the library.

/// Findings are made on scan threads and freed on the writer's, millions of them: the system's allocator spent a tenth of a
/// load on that.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    leaktrace::cli::main()
}
