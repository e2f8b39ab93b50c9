//! Reads what `perf script` prints: for each sample the program's name, then its frames from the innermost outwards.

/// Where the program was when it was looked at.
#[derive(Debug, PartialEq, Eq)]
pub struct Sample {
    /// The name of the program or thread.
    pub program: String,
    /// The innermost function.
    pub function: String,
    /// The file that it is in: a program, a library, or the kernel.
    pub file: String,
    /// What the kernel was asked for: a system call or a kind of interruption. None outside of the kernel.
    pub kernel: Option<String>,
}

impl Sample {
    /// The function, as far as it fits into a table; where nobody knows its name, the file.
    pub fn name(&self) -> String {
        const MAX_CHARACTERS: usize = 80;
        if self.function == "[unknown]" {
            return format!("somewhere in {}", self.file);
        }
        let name = self.function.replace('|', "/");
        if name.chars().count() <= MAX_CHARACTERS {
            return name;
        }
        format!("{}...", name.chars().take(MAX_CHARACTERS).collect::<String>())
    }
}

/// Samples, in their order. A sample without frames is left out.
pub fn parse(text: &str) -> Vec<Sample> {
    text.split("\n\n").filter_map(sample).collect()
}

fn sample(block: &str) -> Option<Sample> {
    let mut lines = block.lines().filter(|line| !line.trim().is_empty());
    let program = lines.next()?.trim().trim_end_matches(':').trim().to_owned();
    let frames: Vec<(&str, &str)> = lines.filter_map(frame).collect();
    let (function, file) = frames.first()?;
    let in_kernel = frames.iter().take_while(|(_, file)| is_kernel(file));
    let kernel = is_kernel(file).then(|| {
        let entry = in_kernel.filter_map(|(function, _)| entry(function)).last();
        entry.unwrap_or("other").to_owned()
    });
    Some(Sample { program, function: (*function).to_owned(), file: file_name(file).to_owned(), kernel })
}

/// `7f00 function (file)`: the function and the file.
fn frame(line: &str) -> Option<(&str, &str)> {
    let (_, rest) = line.trim().split_once(' ')?;
    let (function, file) = rest.rsplit_once(" (")?;
    Some((function.trim(), file.trim_end_matches(')')))
}

/// What a kernel function says of why the kernel is at work, if it is one of those by which the kernel is entered.
fn entry(function: &str) -> Option<&str> {
    // The last of these stand for a call whose own function has gone up in its caller.
    let call = ["__x64_sys_", "__arm64_sys_", "__se_sys_", "__do_sys_", "ksys_"];
    let named = call.iter().find_map(|prefix| function.strip_prefix(prefix));
    let named = named.or_else(|| (function == "do_writev").then_some("writev"));
    named.or_else(|| function.contains("page_fault").then_some("page fault")).or_else(|| {
        (function.starts_with("asm_sysvec") || function.starts_with("asm_common_interrupt"))
            .then_some("interrupt")
    })
}

fn is_kernel(file: &str) -> bool {
    file.starts_with("[kernel") || file == "[guest.kernel.kallsyms]" || file.ends_with(".ko")
}

fn file_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "\
tokio-rt-worker 
\tffff1 copy_user ([kernel.kallsyms])
\tffff2 ksys_something ([kernel.kallsyms])
\tffff3 __x64_sys_sendto ([kernel.kallsyms])
\tffff4 do_syscall_64 ([kernel.kallsyms])
\t7f005 __send (/lib/libc.so.6)

sitepush 
\t5501 core::ptr::drop_in_place<hyper::Request (a)> (/x/sitepush)

sitepush 
\tffff1 clear_page ([kernel.kallsyms])
\tffff2 asm_exc_page_fault ([kernel.kallsyms])
\t7f00 [unknown] (/lib/libc.so.6)
";

    #[test]
    fn a_sample_in_the_kernel_says_what_it_was_asked_for() {
        let samples = parse(TEXT);
        assert_eq!(samples.len(), 3);
        assert_eq!(samples[0].kernel.as_deref(), Some("sendto"));
        assert_eq!(
            (samples[0].function.as_str(), samples[0].program.as_str()),
            ("copy_user", "tokio-rt-worker")
        );
        assert_eq!(samples[2].kernel.as_deref(), Some("page fault"));
    }

    #[test]
    fn a_sample_outside_of_it_says_where_it_is() {
        let sample = &parse(TEXT)[1];
        assert_eq!(sample.kernel, None);
        assert_eq!(sample.name(), "core::ptr::drop_in_place<hyper::Request (a)>");
        assert_eq!(sample.file, "sitepush");
    }
}
