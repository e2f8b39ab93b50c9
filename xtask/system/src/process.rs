//! Processes of this machine, known by their id and by when they began: an id alone may belong to somebody else by now.

/// When a process of this machine began, in the kernel's ticks; none when it has ended.
///
/// Source: proc(5), the 22nd field of `/proc/PID/stat`. The second is the program's name in parentheses, which may hold any
/// character. A process that is dead and not yet waited for (state Z) has ended.
pub fn start_of(id: u32) -> Option<u64> {
    parse(&std::fs::read_to_string(format!("/proc/{id}/stat")).ok()?)
}

fn parse(text: &str) -> Option<u64> {
    let mut fields = text.rsplit_once(')')?.1.split_whitespace();
    let state = fields.next()?;
    if state == "Z" || state == "X" {
        return None;
    }
    fields.nth(18)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_has_a_start_until_it_ends() {
        let own = start_of(std::process::id());
        assert!(own.is_some());
        let mut child = std::process::Command::new("true").spawn().expect("it runs");
        let id = child.id();
        child.wait().expect("it ends");
        assert_eq!(start_of(id), None);
    }

    #[test]
    fn the_start_is_read_past_a_name_with_brackets() {
        let rest = "1 1 1 0 -1 4194560 100 0 0 0 1 2 0 0 20 0 1 0 987654 1000 10";
        assert_eq!(parse(&format!("7 (a) b) S {rest}")), Some(987_654));
        assert_eq!(parse(&format!("7 (gone) Z {rest}")), None);
        assert_eq!(parse(""), None);
    }
}
