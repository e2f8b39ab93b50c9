//! Targets whose records are kept in one way or the other.

use crate::support::{Cloud, records_in_parts};

/// How records are kept.
#[derive(Clone, Copy, Debug)]
pub enum Records {
    InOnePiece,
    /// And a push reads only what it needs of them. Without cache tags: those of pages make it read most.
    InParts,
    InPartsWithTags,
}

impl Records {
    pub const ALL: [Self; 3] = [Self::InOnePiece, Self::InParts, Self::InPartsWithTags];

    pub fn cloud(self) -> Cloud {
        match self {
            Self::InOnePiece => Cloud::new(),
            Self::InPartsWithTags => Cloud::new().configured(&records_in_parts(1)),
            Self::InParts => Cloud::without_tags().configured(&records_in_parts(1)),
        }
    }
}
