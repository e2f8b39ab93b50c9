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
    /// As it is typed, with its verb where it has some.
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

/// Who asks, what the bucket is like, and the distributions with all that they refer to.
const EXAMINE: &[Call] = &[
    site(Operation::GET_CALLER_IDENTITY),
    site(Operation::HEAD_BUCKET),
    site(Operation::GET_PUBLIC_ACCESS_BLOCK),
    site(Operation::GET_BUCKET_OWNERSHIP_CONTROLS),
    site(Operation::GET_BUCKET_VERSIONING),
    site(Operation::GET_BUCKET_ENCRYPTION),
    site(Operation::GET_BUCKET_POLICY),
    site(Operation::GET_BUCKET_LIFECYCLE_CONFIGURATION),
    site(Operation::GET_CACHE_POLICY),
    site(Operation::GET_RESPONSE_HEADERS_POLICY),
    site(Operation::GET_ORIGIN_REQUEST_POLICY),
    site(Operation::GET_ORIGIN_ACCESS_CONTROL),
    site(Operation::GET_FUNCTION),
    site(Operation::DESCRIBE_FUNCTION),
    site(Operation::LIST_INVALIDATIONS),
];

const READ_CERTIFICATES: &[Call] =
    &[site(Operation::DESCRIBE_CERTIFICATE), site(Operation::LIST_TAGS_FOR_CERTIFICATE)];

/// Certificates, in the wrong region too, zones and what is in them at the names.
const LOOK_FOR_NAMES: &[Call] = &[
    site(Operation::LIST_CERTIFICATES),
    site(Operation::LIST_HOSTED_ZONES),
    site(Operation::GET_HOSTED_ZONE),
    site(Operation::LIST_RESOURCE_RECORD_SETS),
];

/// Whether names that are wanted are another distribution's.
const LOOK_FOR_RIVALS: &[Call] = &[site(Operation::LIST_DISTRIBUTIONS)];

/// Aliases and records, and the wait until all name servers have them.
const CHANGE_NAMES: &[Call] = &[
    site(Operation::GET_DISTRIBUTION_CONFIG),
    site(Operation::UPDATE_DISTRIBUTION),
    site(Operation::CHANGE_RESOURCE_RECORD_SETS),
    site(Operation::GET_CHANGE),
];

/// A certificate of our own, and who has an alias that CloudFront refuses.
const CLAIM_NAMES: &[Call] =
    &[site(Operation::REQUEST_CERTIFICATE), site(Operation::LIST_CONFLICTING_ALIASES)];

const FORGET_CERTIFICATE: &[Call] = &[site(Operation::DELETE_CERTIFICATE)];

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
    CommandNeeds {
        command: "doctor",
        calls: &[READ_STATE, EXAMINE, READ_DISTRIBUTION, READ_STORE, READ_CERTIFICATES],
    },
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
    CommandNeeds {
        command: "domain plan",
        calls: &[READ_DISTRIBUTION, READ_CERTIFICATES, LOOK_FOR_NAMES, LOOK_FOR_RIVALS],
    },
    CommandNeeds {
        command: "domain apply",
        calls: &[
            READ_DISTRIBUTION,
            READ_CERTIFICATES,
            LOOK_FOR_NAMES,
            LOOK_FOR_RIVALS,
            CHANGE_NAMES,
            CLAIM_NAMES,
        ],
    },
    CommandNeeds {
        command: "domain status",
        calls: &[READ_DISTRIBUTION, READ_CERTIFICATES, LOOK_FOR_NAMES, LOOK_FOR_RIVALS],
    },
    CommandNeeds {
        command: "domain remove",
        calls: &[READ_DISTRIBUTION, READ_CERTIFICATES, LOOK_FOR_NAMES, CHANGE_NAMES, FORGET_CERTIFICATE],
    },
    CommandNeeds { command: "unlock", calls: &[READ_STATE, &[state(Operation::PUT_OBJECT)]] },
];

impl CommandNeeds {
    /// The command of this name, if it asks AWS anything.
    pub fn find(command: &str) -> Option<&'static Self> {
        COMMANDS.iter().find(|needs| needs.command == command)
    }

    /// The command of this name, or all the verbs of one that has some; empty when none of them asks AWS anything.
    pub fn named(name: &str) -> Vec<&'static Self> {
        let is_verb_of = |command: &str| command.split_once(' ').is_some_and(|(group, _)| group == name);
        COMMANDS.iter().filter(|needs| needs.command == name || is_verb_of(needs.command)).collect()
    }

    /// All its calls.
    pub fn calls(&self) -> impl Iterator<Item = &'static Call> + use<> {
        self.calls.iter().copied().flatten()
    }
}
