//! The classes of failures, each with an exit code and a name: those of `sitepush` (docs/exit-codes.md). Decides nothing else.

use sitepush::exit_code::ExitCode;

/// Who is to act.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// Arguments or settings.
    Usage,
    /// Credentials, permissions, the network, a program that is missing.
    Environment,
    /// A guard, or the person who was asked.
    Refused,
    /// Somebody else is at it, or was quicker.
    Conflict,
    /// It failed part way; the same command goes on from there.
    Service,
    /// Ctrl-C.
    Interrupted,
}

impl Class {
    /// The exit code.
    pub fn code(self) -> u8 {
        let code = match self {
            Self::Usage => ExitCode::Usage,
            Self::Environment => ExitCode::Environment,
            Self::Refused => ExitCode::Refused,
            Self::Conflict => ExitCode::Conflict,
            Self::Service => ExitCode::PartWay,
            Self::Interrupted => ExitCode::Interrupted,
        };
        code as u8
    }

    /// As `--json` calls it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Usage => "usage",
            Self::Environment => "environment",
            Self::Refused => "refused",
            Self::Conflict => "conflict",
            Self::Service => "service",
            Self::Interrupted => "interrupted",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_those_of_the_documentation() {
        let page = include_str!("../../../docs/exit-codes.md");
        for class in [Class::Usage, Class::Environment, Class::Refused, Class::Conflict, Class::Service] {
            let row = page.lines().find(|line| line.starts_with(&format!("| `{}` |", class.name())));
            let row = row.unwrap_or_else(|| panic!("no row for {}", class.name()));
            assert!(row.contains(&class.code().to_string()), "{row}");
        }
    }
}
