//! Words that tie the repository to one machine: paths of its folders, hosts of its package mirrors.

use super::walls::Found;

/// Folders that exist on somebody's machine only. Each is written in two halves, so that this file passes.
const FOLDERS: &[&str] =
    &[concat!("/ro", "ot/"), concat!("/wo", "rk/"), concat!("/tm", "p/"), concat!("/Us", "ers/")];

/// Hosts that a package manager is configured with; which one is nobody's business but the machine's.
const HOSTS: &[&str] = &[
    concat!("registry.", "npmjs"),
    concat!("index.", "crates.io"),
    concat!("static.", "crates.io"),
    concat!("files.", "pythonhosted"),
    concat!("proxy.", "golang.org"),
];

/// Lets a line name such a word, with the reason after it.
const ALLOWED: &str = "names a machine:";

/// Checks the text of one file of any kind.
pub fn check(text: &str) -> Vec<Found> {
    let lines = text.lines().enumerate().filter(|(_, line)| !line.contains(ALLOWED));
    lines
        .flat_map(|(index, line)| {
            let folders = FOLDERS.iter().filter(|folder| names_folder(line, folder));
            let hosts = HOSTS.iter().filter(|host| line.contains(**host));
            folders.chain(hosts).map(move |word| {
                let advice = format!("derive it, or say why on the line: `{ALLOWED} <reason>`");
                (index + 1, format!("`{word}` is of one machine; {advice}"))
            })
        })
        .collect()
}

/// Whether `folder` begins a path in `line`, and does not merely go on one (`$target/tmp/x`, `https://a.b/work/`).
fn names_folder(line: &str, folder: &str) -> bool {
    line.match_indices(folder).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        !before.is_some_and(|before| before.is_alphanumeric() || "._~-)}]*/".contains(before))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_of_a_machine_is_found_with_its_line() {
        let text = format!("one\nopen(\"{}x\")\n", FOLDERS[2]);
        let found = check(&text);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].0, 2);
    }

    #[test]
    fn a_folder_inside_another_path_is_nobodys_machine() {
        for prefix in ["$target", "https://example.com", "${HOME}", "..", "a/b"] {
            assert!(check(&format!("cd {prefix}{}x", FOLDERS[2])).is_empty(), "{prefix}");
        }
    }

    #[test]
    fn a_mirror_is_found_and_a_reason_lets_it_pass() {
        let line = format!("\"resolved\": \"https://{}.org/a.tgz\"", HOSTS[0]);
        assert_eq!(check(&line).len(), 1);
        assert!(check(&format!("{line} <!-- {ALLOWED} the example is about it -->")).is_empty());
    }
}
