//! Puts samples into groups, by the system call for the kernel's and by the name of the function for all others.

use super::samples::Sample;

/// What the kernel was asked for, by system call; the rest of it is `KERNEL_REST`.
const CALLS: [(&str, &[&str]); 4] = [
    (
        "system calls: files",
        &[
            "open",
            "openat",
            "read",
            "pread64",
            "close",
            "fstat",
            "newfstat",
            "newfstatat",
            "statx",
            "lseek",
            "lstat",
            "stat",
            "getdents64",
            "readlink",
            "access",
            "fcntl",
            "newlstat",
            "newstat",
        ],
    ),
    (
        "system calls: network",
        &[
            "sendto",
            "sendmsg",
            "recvfrom",
            "recvmsg",
            "writev",
            "connect",
            "socket",
            "setsockopt",
            "getsockopt",
            "getsockname",
            "getpeername",
            "shutdown",
            "epoll_wait",
            "epoll_ctl",
            "epoll_pwait",
            "poll",
            "bind",
        ],
    ),
    (
        "system calls: memory",
        &["page fault", "mmap", "mmap_pgoff", "munmap", "brk", "madvise", "mremap", "mprotect"],
    ),
    (
        "system calls: threads",
        &[
            "futex",
            "clone",
            "clone3",
            "sched_yield",
            "clock_nanosleep",
            "write",
            "exit",
            "exit_group",
            "sched_getaffinity",
        ],
    ),
];

const KERNEL_REST: &str = "system calls: the rest, and interrupts";

/// Whose code it is, by a word in the function's name. Where several are in it, the first in the name counts: what
/// stands behind it is what the function is made for.
const OWNERS: [(&str, &[&str]); 9] = [
    ("hashing: SHA-256 of files and of what is signed", &["sha2", "digest", "md5", "crc32fast", "crc_fast"]),
    ("signing and TLS", &["aws_sigv4", "hmac", "rustls", "aws_lc", "ring", "webpki", "const_hex"]),
    ("compression", &["zlib_rs", "flate2", "brotli"]),
    ("JSON", &["serde_json", "serde", "itoa", "ryu"]),
    (
        "scan: walking, searching for secrets",
        &[
            "sitepush::edges::site_dir",
            "sitepush::core::secrets",
            "walkdir",
            "memchr",
            "aho_corasick",
            "unicode_normalization",
        ],
    ),
    ("planning: names, rules, diff, plan, record", &["sitepush::core", "globset", "regex_automata", "jiff"]),
    (
        "HTTP and the S3 SDK",
        &[
            "sitepush::edges",
            "sitepush::execute",
            "hyper",
            "hyper_util",
            "http",
            "http_body",
            "http_body_util",
            "httparse",
            "h2",
            "tower",
            "bytes",
            "aws_sdk_s3",
            "aws_smithy",
            "aws_runtime",
            "aws_config",
            "aws_types",
            "aws_credential_types",
            "aws_sdk_cloudfront",
            "percent_encoding",
            "url",
            "fastrand",
            "xmlparser",
        ],
    ),
    (
        "runtime: tasks, locks, threads",
        &[
            "tokio",
            "mio",
            "futures_util",
            "futures_core",
            "parking_lot",
            "std::sync",
            "std::thread",
            "__vdso",
        ],
    ),
    (
        "allocator",
        &[
            "malloc",
            "free",
            "cfree",
            "realloc",
            "calloc",
            "_int_malloc",
            "_int_free",
            "_int_realloc",
            "malloc_consolidate",
            "unlink_chunk",
            "sysmalloc",
            "__libc_malloc",
            "__libc_free",
            "__libc_realloc",
            "__rust_alloc",
            "__rdl_alloc",
        ],
    ),
];

const COPYING: &str = "copying and comparing memory";

const REST: &str = "the rest";

/// The group of a sample.
pub fn of(sample: &Sample) -> &'static str {
    if !is_own(&sample.program) {
        return "git, a process of its own";
    }
    if let Some(call) = &sample.kernel {
        let group = CALLS.iter().find(|(_, calls)| calls.contains(&call.as_str()));
        return group.map_or(KERNEL_REST, |(group, _)| group);
    }
    let name = sample.function.as_str();
    if ["memcpy", "memmove", "memset", "memcmp", "bcmp"].iter().any(|word| name.contains(word)) {
        return COPYING;
    }
    let owner = OWNERS.iter().filter_map(|(group, words)| Some((first_of(name, words)?, *group)));
    owner.min_by_key(|(place, _)| *place).map_or(REST, |(_, group)| group)
}

/// Threads are named by who started them: the runtime's, or the program's own.
fn is_own(program: &str) -> bool {
    program.starts_with("sitepush") || program.starts_with("tokio")
}

/// Where the first of the words stands in a name; of two at one place the longer one counts, so it sorts before.
fn first_of(name: &str, words: &[&str]) -> Option<(usize, std::cmp::Reverse<usize>)> {
    let places = words.iter().flat_map(|word| {
        let is_whole = |at: &usize| {
            let before = name[..*at].chars().next_back();
            let after = name[at + word.len()..].chars().next();
            let is_letter = |character: Option<char>| {
                character.is_some_and(|character| character.is_alphanumeric() || character == '_')
            };
            !is_letter(before) && !after.is_some_and(char::is_alphanumeric)
        };
        let places = name.match_indices(word).map(|(at, _)| at).filter(is_whole);
        places.map(|at| (at, std::cmp::Reverse(word.len())))
    });
    places.min()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn group(program: &str, function: &str, kernel: Option<&str>) -> &'static str {
        of(&Sample {
            program: program.to_owned(),
            function: function.to_owned(),
            file: "f".to_owned(),
            kernel: kernel.map(str::to_owned),
        })
    }

    #[test]
    fn the_kernel_is_grouped_by_what_it_was_asked_for() {
        assert_eq!(group("sitepush", "copy_user", Some("openat")), "system calls: files");
        assert_eq!(group("tokio-rt-worker", "copy_user", Some("sendto")), "system calls: network");
        assert_eq!(group("sitepush", "x", Some("unheard_of")), KERNEL_REST);
        assert_eq!(group("git", "x", Some("openat")), "git, a process of its own");
    }

    #[test]
    fn a_function_belongs_to_the_first_that_its_name_names() {
        assert_eq!(group("sitepush", "sha2::sha256::x86::digest_blocks", None), OWNERS[0].0);
        assert_eq!(group("sitepush", "core::ptr::drop_in_place<http::Request<tokio::X>>", None), OWNERS[6].0);
        assert_eq!(group("sitepush", "<sitepush::core::secrets::Scanner>::update", None), OWNERS[4].0);
        assert_eq!(group("sitepush", "sitepush::core::diff::diff", None), OWNERS[5].0);
        assert_eq!(group("sitepush", "sitepush::edges::s3::put", None), OWNERS[6].0);
        assert_eq!(group("sitepush", "_int_malloc", None), "allocator");
        assert_eq!(group("sitepush", "__memmove_avx_unaligned_erms", None), COPYING);
        assert_eq!(group("sitepush", "aws_smithy_runtime::client::orchestrator", None), OWNERS[6].0);
        assert_eq!(group("sitepush", "main", None), REST);
    }
}
