//! What can happen to a site.

use proptest::prelude::*;

use crate::build::{Headers, PAGES, THEMES};

/// One thing that happens.
#[derive(Clone, Debug)]
pub enum Step {
    /// The folder of the build changes.
    Edit(Edit),
    Push {
        verify: bool,
        keep: Keep,
        trouble: Trouble,
    },
    /// To the release so many before the live one, or round the corner.
    Rollback {
        back: usize,
        trouble: Trouble,
    },
    /// With `--days 0`.
    Prune {
        keep: usize,
        trouble: Trouble,
    },
    /// Somebody looks at every page, so that the edge keeps what there is.
    Visit,
    /// Somebody else works in the bucket.
    Stranger(Act),
    /// Another machine has left its lock, and the lease has run out.
    ExpiredLock,
    /// Another machine is at work; it is told to be dead by hand.
    HeldLock,
    /// The build failed and its folder is empty.
    PushNothing,
}

/// A change of the build.
#[derive(Clone, Debug)]
pub enum Edit {
    /// A page's text; one that is not there is added.
    Page {
        page: usize,
        text: u8,
    },
    /// A page refers to another bundle.
    Bundle {
        page: usize,
        bundle: usize,
    },
    /// All pages do.
    Bundles {
        bundle: usize,
    },
    Remove {
        page: usize,
    },
    /// The unhashed style sheet takes another name.
    Theme(usize),
    Style(u8),
    /// A second file with the style sheet's bytes comes or goes.
    Copy,
    Worker,
    /// The picture whose name may be hashed comes, goes or shows something else.
    Picture(Option<u8>),
    Headers(Headers),
    /// A bundle comes out with other bytes under the same name, or with the first ones again.
    Alter {
        bundle: usize,
    },
}

/// How long fingerprinted files stay.
#[derive(Clone, Copy, Debug)]
pub enum Keep {
    /// As long as by default: longer than any test runs.
    Default,
    /// While one of so many releases refers to them.
    Releases(usize),
}

/// What goes wrong during a command.
#[derive(Clone, Copy, Debug)]
pub enum Trouble {
    None,
    /// Visitors ask for every page all the while.
    Visitors,
    /// The process is killed at its mutation of this number, or not at all when there are fewer.
    Kill(u64),
    /// The same while other requests are on their way.
    KillAmongOthers(u64),
    /// It is interrupted there (Ctrl-C).
    Interrupt(u64),
    /// The PUT after so many is refused for good.
    RefusedPut(u64),
    /// The PUT after so many is carried out, and its answer lost.
    LostAnswer(u64),
    /// Each fifth request is told to slow down.
    SlowDown(u64),
    /// The invalidation is refused.
    RefusedInvalidation,
    /// No object can be deleted.
    RefusedDeletes,
}

/// What somebody else does to an object, chosen among those that are there.
#[derive(Clone, Debug)]
pub enum Act {
    Overwrite(usize),
    /// The same bytes without their headers.
    Reheader(usize),
    Delete(usize),
    /// An object of their own, at a key of [`PLANTS`] that is free.
    Plant(usize),
    /// A lifecycle rule removes all versions but the newest.
    Expire(usize),
}

/// Where strangers put objects of their own: some keys are such that a build may want them.
pub const PLANTS: [&str; 6] = [
    "elsewhere/notes.txt",
    "assets/strange-K2m8vT4c.js",
    "guide/start.html",
    "css/theme.css",
    "copy.css",
    "stray.html",
];

/// Which steps a history is drawn from.
#[derive(Clone, Copy, Debug)]
pub enum Mix {
    Calm,
    Killed,
    Failing,
    Strangers,
    Everything,
}

impl Mix {
    fn troubles(self) -> BoxedStrategy<Trouble> {
        // A push of an edit has some 8 mutations, one of a new bundle some 20.
        let mutation = || prop_oneof![3 => 1..10_u64, 1 => 10..30_u64];
        let kill = || {
            prop_oneof![
                1 => mutation().prop_map(Trouble::Kill),
                1 => mutation().prop_map(Trouble::KillAmongOthers),
            ]
        };
        let fail = || {
            prop_oneof![
                3 => (0..14_u64).prop_map(Trouble::RefusedPut),
                2 => (0..14_u64).prop_map(Trouble::LostAnswer),
                1 => any::<u64>().prop_map(Trouble::SlowDown),
                2 => Just(Trouble::RefusedInvalidation),
                2 => Just(Trouble::RefusedDeletes),
                1 => (1..14_u64).prop_map(Trouble::Interrupt),
            ]
        };
        match self {
            Self::Calm | Self::Strangers => {
                prop_oneof![1 => Just(Trouble::None), 1 => Just(Trouble::Visitors)].boxed()
            }
            Self::Killed => prop_oneof![1 => Just(Trouble::None), 2 => kill()].boxed(),
            Self::Failing => prop_oneof![1 => Just(Trouble::None), 2 => fail()].boxed(),
            Self::Everything => {
                prop_oneof![1 => Just(Trouble::None), 1 => Just(Trouble::Visitors), 2 => kill(), 2 => fail()]
                    .boxed()
            }
        }
    }

    fn strangers(self) -> u32 {
        match self {
            Self::Calm | Self::Killed | Self::Failing => 0,
            Self::Strangers => 5,
            Self::Everything => 3,
        }
    }
}

/// How the target is set up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Setup {
    /// The record is in one piece, and the distribution reads cache tags.
    Usual,
    /// The record is in parts from this many objects on, of which a push reads what it needs.
    Parts(usize),
    /// The same where the distribution reads cache tags: then the parts with tagged pages are read.
    PartsAndTags(usize),
}

pub fn setups() -> impl Strategy<Value = Setup> {
    prop_oneof![
        3 => Just(Setup::Usual),
        3 => (1..12_usize).prop_map(Setup::Parts),
        1 => (1..12_usize).prop_map(Setup::PartsAndTags),
    ]
}

/// Steps of one mix.
pub fn steps(mix: Mix) -> impl Strategy<Value = Step> {
    let push = (prop::bool::weighted(0.15), keeps(), mix.troubles())
        .prop_map(|(verify, keep, trouble)| Step::Push { verify, keep, trouble });
    let rollback = (1..4_usize, mix.troubles()).prop_map(|(back, trouble)| Step::Rollback { back, trouble });
    let prune = (1..4_usize, mix.troubles()).prop_map(|(keep, trouble)| Step::Prune { keep, trouble });
    let stranger = acts().prop_map(Step::Stranger);
    let lock = prop_oneof![2 => Just(Step::ExpiredLock), 1 => Just(Step::HeldLock)];
    // A branch of weight 0 is never drawn.
    prop_oneof![
        9 => edits().prop_map(Step::Edit),
        7 => push,
        2 => rollback,
        1 => prune,
        2 => Just(Step::Visit),
        mix.strangers() => stranger,
        mix.strangers().min(1) => lock,
        1 => Just(Step::PushNothing),
    ]
}

fn keeps() -> impl Strategy<Value = Keep> {
    prop_oneof![2 => Just(Keep::Default), 1 => (1..4_usize).prop_map(Keep::Releases)]
}

fn edits() -> impl Strategy<Value = Edit> {
    let page = || 0..PAGES.len();
    let bundle = || 0..4_usize;
    prop_oneof![
        4 => (page(), 1..4_u8).prop_map(|(page, text)| Edit::Page { page, text }),
        2 => (page(), bundle()).prop_map(|(page, bundle)| Edit::Bundle { page, bundle }),
        3 => bundle().prop_map(|bundle| Edit::Bundles { bundle }),
        2 => page().prop_map(|page| Edit::Remove { page }),
        2 => (0..THEMES.len()).prop_map(Edit::Theme),
        2 => (0..3_u8).prop_map(Edit::Style),
        1 => Just(Edit::Copy),
        1 => Just(Edit::Worker),
        2 => proptest::option::weighted(0.7, 0..3_u8).prop_map(Edit::Picture),
        2 => prop_oneof![Just(Headers::None), Just(Headers::Language), Just(Headers::Caching)]
            .prop_map(Edit::Headers),
        1 => bundle().prop_map(|bundle| Edit::Alter { bundle }),
    ]
}

fn acts() -> impl Strategy<Value = Act> {
    let which = || 0..24_usize;
    prop_oneof![
        3 => which().prop_map(Act::Overwrite),
        2 => which().prop_map(Act::Reheader),
        3 => which().prop_map(Act::Delete),
        4 => (0..PLANTS.len()).prop_map(Act::Plant),
        1 => which().prop_map(Act::Expire),
    ]
}
