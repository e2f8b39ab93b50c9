//! A plan of names in a file: what it was made from, so that it can be made again and compared.

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::core::domain::plan::DomainPlan;
use crate::edges::files;
use crate::error::{Class, Error};
use crate::settings::DomainSource;

/// The version of the file's format.
const SCHEMA: u32 = 1;

/// A saved plan of names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SavedDomainPlan {
    /// Tells it from the plan of a push.
    domain_schema: u32,
    pub source: DomainSource,
    pub plan: DomainPlan,
}

impl SavedDomainPlan {
    pub fn new(source: DomainSource, plan: DomainPlan) -> Self {
        Self { domain_schema: SCHEMA, source, plan }
    }

    /// A saved plan is carried out exactly or not at all.
    ///
    /// # Errors
    /// When the plan of now is another one.
    pub fn check(&self, now: &DomainPlan) -> Result<(), Error> {
        if self.plan == *now {
            return Ok(());
        }
        if now.is_empty() && now.blocking().next().is_none() {
            return Err(Error::new(Class::Conflict, "the saved plan is used up: nothing is left to do")
                .with_hint("`sitepush domain status` shows how the names stand"));
        }
        let what = if self.plan.steps == now.steps {
            "other things are in the way"
        } else {
            "other steps are needed"
        };
        Err(Error::new(Class::Conflict, format!("the saved plan does not fit any more: {what} now"))
            .with_hint("plan again, and look at the new plan"))
    }
}

/// # Errors
/// When the file cannot be written.
pub fn write(path: &Path, saved: &SavedDomainPlan) -> Result<(), Error> {
    let mut text = serde_json::to_string_pretty(saved).expect("a plan has only string keys");
    text.push('\n');
    files::write(path, &text).map_err(|error| {
        Error::usage(format!("cannot write the plan to `{}`", path.display())).caused_by(error)
    })
}

/// # Errors
/// When the file is not a saved plan of names, or of another version.
pub fn read(path: &Path) -> Result<SavedDomainPlan, Error> {
    let unreadable = || Error::usage(format!("cannot read the plan in `{}`", path.display()));
    let hint = "save one with `sitepush domain plan --out FILE`";
    let text = files::read(path).map_err(|error| unreadable().with_hint(hint).caused_by(error))?;
    let value: serde_json::Value =
        serde_json::from_str(&text).map_err(|error| unreadable().with_hint(hint).caused_by(error))?;
    // Another version's plan may be of another shape: its version is read first, and alone.
    match value.get("domain_schema").and_then(serde_json::Value::as_u64) {
        Some(found) if found != u64::from(SCHEMA) => Err(unreadable().with_hint("plan again").caused_by(
            format!("it was saved by another version of sitepush (format {found}, this one reads {SCHEMA})"),
        )),
        _ => serde_json::from_value(value).map_err(|error| unreadable().with_hint(hint).caused_by(error)),
    }
}
