//! What the emulators do not keep: differences that Terraform finds again at each plan, each by name and with its reason. A test
//! deploys and checks that they are exactly these (`xtask/system/tests/emulated`).

use crate::deploy::changes::Gap;

/// The list. Empty is what it should be.
pub fn list() -> Vec<Gap> {
    const LIST: &[(&str, &str, &str)] = &[];
    let gap = |(resource, argument, reason): &(&str, &str, &str)| Gap {
        resource: (*resource).to_owned(),
        argument: (*argument).to_owned(),
        reason: (*reason).to_owned(),
    };
    LIST.iter().map(gap).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    const SERVER: &str = include_str!("../../emulated/moto_server.py");
    const PAGE: &str = include_str!("../../../../docs/deploy.md");

    /// By the name of its function, what moto lacks: each function at the margin whose first line says so.
    fn functions() -> BTreeMap<&'static str, &'static str> {
        let functions = SERVER.split("\ndef ").skip(1).filter_map(|function| {
            let (name, rest) = function.split_once('(')?;
            let said = rest.lines().nth(1)?.trim().strip_prefix("\"\"\"")?;
            Some((name, said.strip_suffix("\"\"\"").expect("it is one line")))
        });
        functions.collect()
    }

    /// The rows of the page's table: the service, what it lacks, and why that has to be there.
    fn rows() -> Vec<[&'static str; 3]> {
        let (_, table) = PAGE.split_once("\n### What moto lacks\n").expect("the page has the part");
        let lines = table.lines().skip_while(|line| !line.starts_with("|---")).skip(1);
        let row = |line: &'static str| {
            let cells: Vec<&str> = line.trim_matches('|').split(" | ").map(str::trim).collect();
            cells.try_into().unwrap_or_else(|cells| panic!("three cells are wanted: {cells:?}"))
        };
        lines.take_while(|line| line.starts_with('|')).map(row).collect()
    }

    #[test]
    fn what_is_filled_is_every_function_that_says_what_is_missing() {
        let (_, list) = SERVER.split_once("\nGAPS = [\n").expect("it is there");
        let (list, _) = list.split_once("\n]\n").expect("it ends");
        let filled: BTreeSet<&str> = list.lines().map(|line| line.trim().trim_end_matches(',')).collect();
        assert_eq!(filled, functions().into_keys().collect());
        assert!(!filled.is_empty());
    }

    #[test]
    fn the_page_says_of_each_what_is_missing_and_why_that_is_needed() {
        let said = |[service, lacks, _]: &[&str; 3]| format!("{service}: {lacks}.");
        let rows = rows();
        let mut of_page: Vec<String> = rows.iter().map(said).collect();
        let mut of_code: Vec<String> = functions().into_values().map(str::to_owned).collect();
        of_page.sort();
        of_code.sort();
        assert_eq!(of_page, of_code);
        for [service, lacks, why] in rows {
            assert!(why.len() > 10, "{service}: {lacks}: the page gives no reason");
        }
    }
}
