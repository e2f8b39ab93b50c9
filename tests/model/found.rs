//! Histories that once broke a promise, and such as are too rare to be drawn each time.

use crate::machine::Machine;
use crate::step::{Act, Edit, Keep, Setup, Step, Trouble};

/// Plays a history.
#[track_caller]
fn holds(history: &[Step]) {
    for setup in [Setup::Usual, Setup::Parts(1)] {
        Machine::new(setup).play(history).unwrap_or_else(|problem| panic!("{setup:?}: {problem}"));
    }
}

fn push(trouble: Trouble) -> Step {
    Step::Push { verify: false, keep: Keep::Default, trouble }
}

#[test]
fn a_page_whose_deletion_failed_at_first_does_not_live_on_in_the_caches() {
    holds(&[
        push(Trouble::None),
        Step::Edit(Edit::Remove { page: 4 }),
        push(Trouble::RefusedDeletes),
        Step::Visit,
    ]);
}

#[test]
fn what_a_killed_rollback_restored_is_not_forgotten() {
    holds(&[
        push(Trouble::None),
        Step::Edit(Edit::Page { page: 0, text: 1 }),
        push(Trouble::None),
        Step::Edit(Edit::Theme(1)),
        push(Trouble::None),
        Step::Rollback { back: 1, trouble: Trouble::Kill(3) },
    ]);
}

#[test]
fn headers_that_somebody_changed_are_seen_after_later_releases_too() {
    holds(&[
        push(Trouble::None),
        Step::Stranger(Act::Reheader(14)),
        Step::Edit(Edit::Page { page: 2, text: 3 }),
        push(Trouble::None),
    ]);
}

#[test]
fn a_kept_file_that_was_seen_to_be_damaged_is_sent_again_when_it_comes_back() {
    for act in [Act::Overwrite(2), Act::Reheader(2), Act::Delete(2)] {
        holds(&[
            push(Trouble::None),
            Step::Edit(Edit::Bundles { bundle: 2 }),
            push(Trouble::None),
            Step::Stranger(act),
            Step::Edit(Edit::Style(1)),
            Step::Push { verify: true, keep: Keep::Default, trouble: Trouble::None },
            Step::Edit(Edit::Bundles { bundle: 0 }),
            push(Trouble::None),
            push(Trouble::None),
        ]);
    }
}

#[test]
fn a_repair_and_a_push_within_one_second_are_two_invalidations() {
    holds(&[
        push(Trouble::None),
        Step::Stranger(Act::Delete(1)),
        Step::Edit(Edit::Page { page: 1, text: 3 }),
        Step::ExpiredLock,
        Step::Prune { keep: 2, trouble: Trouble::None },
        Step::Visit,
        push(Trouble::None),
    ]);
}

#[test]
fn what_one_rule_has_made_due_goes_although_the_next_run_would_keep_it() {
    holds(&[
        push(Trouble::None),
        Step::Edit(Edit::Bundles { bundle: 0 }),
        Step::Push { verify: false, keep: Keep::Releases(1), trouble: Trouble::RefusedInvalidation },
        push(Trouble::None),
    ]);
    holds(&[
        push(Trouble::None),
        Step::Edit(Edit::Bundles { bundle: 0 }),
        push(Trouble::None),
        Step::Prune { keep: 1, trouble: Trouble::RefusedDeletes },
        push(Trouble::None),
    ]);
}

#[test]
fn a_hashed_file_of_a_killed_push_is_dropped_from_the_caches_however_many_runs_it_takes_to_replace_it() {
    holds(&[
        push(Trouble::Kill(3)),
        Step::Edit(Edit::Theme(0)),
        Step::Edit(Edit::Alter { bundle: 1 }),
        Step::Visit,
        push(Trouble::RefusedPut(8)),
    ]);
}

#[test]
fn the_live_release_can_be_gone_back_to_although_its_push_died_before_it_kept_its_record() {
    for mutation in 1..12 {
        holds(&[
            push(Trouble::None),
            Step::Edit(Edit::Theme(1)),
            push(Trouble::Kill(mutation)),
            Step::Rollback { back: 2, trouble: Trouble::None },
        ]);
    }
}

#[test]
fn a_strangers_object_that_visitors_saw_is_neither_overwritten_unseen_nor_kept_by_caches() {
    for (plant, edit) in [(3, Edit::Theme(1)), (4, Edit::Copy)] {
        holds(&[
            push(Trouble::None),
            Step::Stranger(Act::Plant(plant)),
            Step::Edit(edit),
            push(Trouble::Visitors),
            push(Trouble::Visitors),
        ]);
    }
}

#[test]
fn a_run_that_makes_no_release_takes_no_place_from_those_that_are_kept() {
    holds(&[
        push(Trouble::None),
        Step::Edit(Edit::Bundles { bundle: 0 }),
        Step::Edit(Edit::Remove { page: 0 }),
        push(Trouble::RefusedInvalidation),
        Step::Push { verify: false, keep: Keep::Releases(2), trouble: Trouble::None },
    ]);
}

#[test]
fn a_picture_whose_name_may_be_hashed_is_dropped_from_the_caches_when_it_shows_something_else() {
    let shows = |what| Step::Edit(Edit::Picture(what));
    holds(&[
        shows(Some(0)),
        push(Trouble::None),
        Step::Visit,
        shows(Some(1)),
        push(Trouble::None),
        Step::Visit,
        Step::Rollback { back: 1, trouble: Trouble::Visitors },
        shows(None),
        push(Trouble::None),
    ]);
}

#[test]
fn a_page_that_comes_back_before_it_was_deleted_is_live_again() {
    holds(&[
        push(Trouble::None),
        Step::Edit(Edit::Page { page: 2, text: 1 }),
        push(Trouble::None),
        Step::Rollback { back: 1, trouble: Trouble::RefusedDeletes },
        push(Trouble::None),
    ]);
}

#[test]
fn what_a_push_without_a_release_wrote_over_a_strangers_object_is_not_deleted_as_its_own() {
    for interrupted_at in 1..=8 {
        holds(&[
            push(Trouble::None),
            Step::Edit(Edit::Copy),
            Step::Edit(Edit::Style(0)),
            Step::Stranger(Act::Plant(4)),
            push(Trouble::None),
            push(Trouble::Interrupt(interrupted_at)),
            Step::Prune { keep: 1, trouble: Trouble::None },
            push(Trouble::None),
        ]);
    }
}
