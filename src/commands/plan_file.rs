//! A plan in a file: what it was made from, so that it can be made again and compared.

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::cli::PushArgs;
use crate::core::plan::Plan;
use crate::core::planning::ReleaseDraft;
use crate::core::release::Commit;
use crate::edges::files;
use crate::error::Error;
use crate::settings::{PlanSource, PushSettings};

use super::prepare::PreparedPush;

/// The version of the file's format.
const SCHEMA: u32 = 1;

/// A saved plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SavedPlan {
    schema: u32,
    /// What the settings were made from.
    source: PlanSource,
    time: jiff::Timestamp,
    commit: Option<Commit>,
    author: Option<String>,
    message: Option<String>,
    pub plan: Plan,
}

/// Why a text is not a saved plan.
#[derive(Debug, thiserror::Error)]
pub enum PlanFileError {
    #[error("it was saved by another version of sitepush (format {found}, this one reads {SCHEMA})")]
    OtherFormat { found: u32 },
    #[error("it is not a saved plan: {0}")]
    Json(serde_json::Error),
}

impl SavedPlan {
    /// JSON for people to read.
    pub fn encode(&self) -> String {
        let mut text = serde_json::to_string_pretty(self).expect("a plan has only string keys");
        text.push('\n');
        text
    }

    /// Reads what [`SavedPlan::encode`] wrote.
    ///
    /// # Errors
    /// When the text is something else, or of another format.
    pub fn decode(text: &str) -> Result<Self, PlanFileError> {
        #[derive(Deserialize)]
        struct Schema {
            schema: u32,
        }
        // Another version's plan may be of another shape: its version is read first, and alone.
        let Schema { schema } = serde_json::from_str(text).map_err(PlanFileError::Json)?;
        if schema != SCHEMA {
            return Err(PlanFileError::OtherFormat { found: schema });
        }
        serde_json::from_str(text).map_err(PlanFileError::Json)
    }

    pub fn new(settings: &PushSettings, prepared: &PreparedPush) -> Self {
        let draft = prepared.draft.clone();
        Self {
            schema: SCHEMA,
            source: settings.source.clone(),
            time: draft.time,
            commit: draft.commit,
            author: draft.author,
            message: draft.message,
            plan: prepared.planned.plan.clone(),
        }
    }

    /// What the release was to say of itself.
    pub fn draft(&self) -> ReleaseDraft {
        ReleaseDraft {
            time: self.time,
            commit: self.commit.clone(),
            author: self.author.clone(),
            message: self.message.clone(),
        }
    }

    /// The settings that the plan was made with; how it is run may differ.
    ///
    /// # Errors
    /// When the configuration can no longer be read.
    pub fn settings(&self, args: &PushArgs) -> Result<PushSettings, Error> {
        let named = args.target.target.as_ref();
        if named.is_some() && named != self.source.target.as_ref() {
            return Err(Error::usage("the saved plan is for another target")
                .with_hint("leave `--target` (and SITEPUSH_TARGET) out: the plan knows where it goes"));
        }
        PushSettings::from_source(&self.source, &args.run, &args.allow, args.output)
    }
}

/// # Errors
/// When the file cannot be written.
pub fn write(path: &Path, saved: &SavedPlan) -> Result<(), Error> {
    files::write(path, &saved.encode()).map_err(|error| {
        Error::usage(format!("cannot write the plan to `{}`", path.display())).caused_by(error)
    })
}

/// # Errors
/// When the file is not a saved plan.
pub fn read(path: &Path) -> Result<SavedPlan, Error> {
    let unreadable = || Error::usage(format!("cannot read the plan in `{}`", path.display()));
    let hint = "save one with `sitepush plan --out FILE`";
    let text = files::read(path).map_err(|error| unreadable().with_hint(hint).caused_by(error))?;
    SavedPlan::decode(&text).map_err(|error| {
        let hint = match &error {
            PlanFileError::OtherFormat { .. } => "plan again",
            PlanFileError::Json(_) => hint,
        };
        unreadable().with_hint(hint).caused_by(error)
    })
}
