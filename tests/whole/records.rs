//! Targets whose records are kept in one way or the other.

use crate::support::{Cloud, records_in_parts};

/// How records are kept.
#[derive(Clone, Copy, Debug)]
pub enum Records {
    OnePiece,
    /// And a push reads only what it needs of them. Without cache tags: those of pages make it read most.
    Parts,
    PartsWithTags,
}

impl Records {
    pub const ALL: [Self; 3] = [Self::OnePiece, Self::Parts, Self::PartsWithTags];

    pub fn cloud(self) -> Cloud {
        match self {
            Self::OnePiece => Cloud::new(),
            Self::PartsWithTags => Cloud::new().configured(&records_in_parts(1)),
            Self::Parts => Cloud::without_tags().configured(&records_in_parts(1)),
        }
    }
}
