//! Which command makes which calls: the one table that the policy, the docs and the tests are made of.
//!
//! A command stands here with all its flags and with what it does after a run that did not end.

use super::operation::Operation;

/// Which objects a call is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reach {
    /// All that is under the target's prefix.
    Site,
    /// sitepush's own state, `.sitepush/*` under the prefix.
    State,
}

/// A call that a command may make.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Call {
    pub operation: Operation,
    /// Of no meaning for operations that are not about objects.
    pub reach: Reach,
}

/// A command that asks AWS.
#[derive(Clone, Copy, Debug)]
pub struct CommandNeeds {
    /// As it is typed.
    pub command: &'static str,
    /// In groups that commands share.
    pub calls: &'static [&'static [Call]],
}

const fn site(operation: Operation) -> Call {
    Call { operation, reach: Reach::Site }
}

const fn state(operation: Operation) -> Call {
    Call { operation, reach: Reach::State }
}

/// The record of the live release and the lock; on a first push neither is there.
const READ_STATE: &[Call] = &[state(Operation::GET_OBJECT), state(Operation::LEARN_ABSENCE)];

/// What is really in the bucket, and with which headers.
const LOOK_INTO_BUCKET: &[Call] = &[site(Operation::LIST_OBJECTS_V2), site(Operation::HEAD_OBJECT)];

/// Whether there will be a way back.
const READ_VERSIONING: &[Call] = &[site(Operation::GET_BUCKET_VERSIONING)];

const READ_DISTRIBUTION: &[Call] = &[site(Operation::GET_DISTRIBUTION)];

const READ_STORE: &[Call] = &[site(Operation::DESCRIBE_KEY_VALUE_STORE), site(Operation::GET_KEY)];

const WRITE_STORE: &[Call] = &[site(Operation::PUT_KEY)];

/// The lock, the intent, the new record and the copy of the old one; records that nobody needs go.
const WRITE_STATE: &[Call] =
    &[state(Operation::PUT_OBJECT), state(Operation::COPY_OBJECT), state(Operation::DELETE_OBJECTS)];

const UPLOAD: &[Call] = &[
    site(Operation::PUT_OBJECT),
    site(Operation::CREATE_MULTIPART_UPLOAD),
    site(Operation::UPLOAD_PART),
    site(Operation::COMPLETE_MULTIPART_UPLOAD),
    site(Operation::ABORT_MULTIPART_UPLOAD),
];

/// Renamed files and new headers.
const COPY: &[Call] = &[site(Operation::COPY_OBJECT)];

/// The bytes of an earlier release.
const RESTORE: &[Call] = &[site(Operation::HEAD_OBJECT_VERSION), site(Operation::COPY_OBJECT_VERSION)];

const DELETE: &[Call] = &[site(Operation::DELETE_OBJECTS)];

const INVALIDATE: &[Call] = &[site(Operation::CREATE_INVALIDATION), site(Operation::GET_INVALIDATION)];

/// In the order of the program's help.
pub const COMMANDS: &[CommandNeeds] = &[
    CommandNeeds {
        command: "plan",
        calls: &[READ_STATE, LOOK_INTO_BUCKET, READ_VERSIONING, READ_DISTRIBUTION, READ_STORE],
    },
    CommandNeeds {
        command: "push",
        calls: &[
            READ_STATE,
            LOOK_INTO_BUCKET,
            READ_VERSIONING,
            READ_DISTRIBUTION,
            READ_STORE,
            WRITE_STATE,
            UPLOAD,
            COPY,
            RESTORE,
            DELETE,
            WRITE_STORE,
            INVALIDATE,
        ],
    },
    CommandNeeds {
        command: "status",
        calls: &[
            READ_STATE,
            LOOK_INTO_BUCKET,
            &[site(Operation::LIST_INVALIDATIONS), site(Operation::GET_INVALIDATION)],
        ],
    },
    CommandNeeds { command: "verify", calls: &[READ_STATE] },
    CommandNeeds { command: "releases", calls: &[READ_STATE] },
    CommandNeeds {
        command: "rollback",
        calls: &[
            READ_STATE,
            LOOK_INTO_BUCKET,
            READ_DISTRIBUTION,
            READ_STORE,
            WRITE_STATE,
            COPY,
            RESTORE,
            DELETE,
            WRITE_STORE,
            INVALIDATE,
        ],
    },
    CommandNeeds {
        command: "prune",
        calls: &[
            READ_STATE,
            LOOK_INTO_BUCKET,
            READ_DISTRIBUTION,
            READ_STORE,
            WRITE_STATE,
            DELETE,
            WRITE_STORE,
            INVALIDATE,
        ],
    },
    CommandNeeds { command: "invalidate", calls: &[INVALIDATE] },
    CommandNeeds { command: "unlock", calls: &[READ_STATE, &[state(Operation::PUT_OBJECT)]] },
];

impl CommandNeeds {
    /// The command of this name, if it asks AWS anything.
    pub fn find(command: &str) -> Option<&'static Self> {
        COMMANDS.iter().find(|needs| needs.command == command)
    }

    /// All its calls.
    pub fn calls(&self) -> impl Iterator<Item = &'static Call> + use<> {
        self.calls.iter().copied().flatten()
    }
}
