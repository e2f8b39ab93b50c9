//! What a release wants of each key, wherever its bytes come from.
//!
//! A view of tables that are there anyway: a site of many files would otherwise hold all of them once more.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::digest::Sha256Digest;
use super::headers::ObjectHeaders;
use super::in_step::InStep;
use super::inventory::{LocalFile, LocalInventory};
use super::key::ObjectKey;
use super::manifest::{Manifest, StoredObject};
use super::object_class::ObjectClass;

/// Where a release gets an object's bytes from when they are not in place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source<'a> {
    /// The build's file.
    File,
    /// An earlier version of the same key, or nothing when the bucket kept no version.
    Version { version_id: Option<&'a str> },
}

/// What a release wants of one key.
#[derive(Clone, Copy, Debug)]
pub struct DesiredObject<'a> {
    pub size_bytes: u64,
    pub sha256: Sha256Digest,
    pub headers: &'a Arc<ObjectHeaders>,
    pub class: ObjectClass,
    pub source: Source<'a>,
}

/// Everything a release wants, in key order.
#[derive(Clone, Copy, Debug)]
pub enum Desired<'a> {
    /// What a push of a build wants.
    Build(&'a BTreeMap<ObjectKey, LocalFile>),
    /// What making a release live again wants.
    Record(&'a BTreeMap<ObjectKey, Arc<StoredObject>>),
}

impl LocalInventory {
    /// What a push of this build wants.
    pub fn desired(&self) -> Desired<'_> {
        Desired::Build(&self.files)
    }
}

impl Manifest {
    /// What making this release live again wants.
    pub fn desired(&self) -> Desired<'_> {
        Desired::Record(&self.objects)
    }
}

impl<'a> Desired<'a> {
    pub fn len(self) -> usize {
        match self {
            Self::Build(files) => files.len(),
            Self::Record(objects) => objects.len(),
        }
    }

    pub fn is_empty(self) -> bool {
        self.len() == 0
    }

    pub fn contains_key(self, key: &ObjectKey) -> bool {
        match self {
            Self::Build(files) => files.contains_key(key),
            Self::Record(objects) => objects.contains_key(key),
        }
    }

    pub fn get(self, key: &ObjectKey) -> Option<DesiredObject<'a>> {
        match self {
            Self::Build(files) => files.get(key).map(of_file),
            Self::Record(objects) => objects.get(key).map(of_object),
        }
    }

    pub fn keys(self) -> Box<dyn Iterator<Item = &'a ObjectKey> + 'a> {
        match self {
            Self::Build(files) => Box::new(files.keys()),
            Self::Record(objects) => Box::new(objects.keys()),
        }
    }

    pub fn values(self) -> Box<dyn Iterator<Item = DesiredObject<'a>> + 'a> {
        match self {
            Self::Build(files) => Box::new(files.values().map(of_file)),
            Self::Record(objects) => Box::new(objects.values().map(of_object)),
        }
    }

    pub fn iter(self) -> Box<dyn Iterator<Item = (&'a ObjectKey, DesiredObject<'a>)> + 'a> {
        match self {
            Self::Build(files) => Box::new(files.iter().map(|(key, file)| (key, of_file(file)))),
            Self::Record(objects) => Box::new(objects.iter().map(|(key, object)| (key, of_object(object)))),
        }
    }

    /// Tells of one key after another whether it is wanted; quickest in key order.
    pub fn wants_in_step(self) -> Box<dyn FnMut(&ObjectKey) -> bool + 'a> {
        match self {
            Self::Build(files) => {
                let mut files = InStep::with(files);
                Box::new(move |key| files.get(key).is_some())
            }
            Self::Record(objects) => {
                let mut objects = InStep::with(objects);
                Box::new(move |key| objects.get(key).is_some())
            }
        }
    }
}

fn of_file(file: &LocalFile) -> DesiredObject<'_> {
    DesiredObject {
        size_bytes: file.size_bytes,
        sha256: file.sha256,
        headers: &file.headers,
        class: file.class,
        source: Source::File,
    }
}

fn of_object(object: &Arc<StoredObject>) -> DesiredObject<'_> {
    DesiredObject {
        size_bytes: object.size_bytes,
        sha256: object.sha256,
        headers: &object.headers,
        class: object.class,
        source: Source::Version { version_id: object.version_id.as_deref() },
    }
}
