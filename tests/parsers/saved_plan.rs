//! The saved plan: corpus, campaigns, and values that are written and read back.

use std::cell::Cell;

use proptest::prelude::*;
use proptest::test_runner::TestCaseResult;
use sitepush::commands::plan_file::{self, PlanFileError, SavedPlan};
use sitepush::core::release::ReleaseId;
use sitepush::error::Class;

use crate::campaign::{damaged_or_retouched, extent, extent_in, play, watch};
use crate::corpus::{self, chain};
use crate::manifest::{DICTIONARY, names_a_place_of};
use crate::values::plans;

const PARSER: &str = "plan";

#[test]
fn each_saved_plan_is_taken_or_refused_as_stated() {
    corpus::outcomes_are_as_stated(PARSER, |sample| {
        let path = corpus::folder(PARSER).join(&sample.name);
        plan_file::read(&path).map(|saved| format!("{saved:?}")).map_err(|error| {
            assert_eq!(error.class, Class::Usage);
            error.render()
        })
    });
}

/// Counts what could be read.
fn is_read_or_explained(text: &str, read: &Cell<usize>) -> TestCaseResult {
    match SavedPlan::decode(text) {
        Ok(saved) => {
            read.set(read.get() + 1);
            survives(&saved)
        }
        Err(error @ PlanFileError::Json(_)) => names_a_place_of(&chain(&error), text.as_bytes()),
        Err(error) => {
            prop_assert!(error.to_string().contains("another version"));
            Ok(())
        }
    }
}

fn survives(saved: &SavedPlan) -> TestCaseResult {
    let text = saved.encode();
    let again = SavedPlan::decode(&text).map_err(|error| TestCaseError::fail(chain(&error)))?;
    prop_assert_eq!(&again, saved);
    prop_assert_eq!(again.encode(), text);
    // What a push does with it first: it names the release anew.
    let draft = saved.draft();
    let id = ReleaseId::derive(draft.time, draft.commit.as_ref());
    prop_assert_eq!(ReleaseId::try_from(id.to_string()), Ok(id));
    Ok(())
}

#[test]
fn a_damaged_plan_is_refused_or_survives_being_saved_again() {
    let read = Cell::new(0);
    play(extent_in(file!(), "damaged", 200), damaged_or_retouched(PARSER, DICTIONARY), |input| {
        let text = input.text();
        watch(&input, || is_read_or_explained(&text, &read))
    });
    assert!(read.get() >= 10, "only {} survived", read.get());
}

proptest! {
    #![proptest_config(extent(50))]

    #[test]
    fn any_plan_survives_being_saved(plan in plans(), second in 0_i64..4_000_000_000) {
        let time = jiff::Timestamp::from_second(second).expect("in range");
        let source = sitepush::settings::PlanSource::default();
        let document = serde_json::json!({ "schema": 1, "source": source, "time": time, "plan": plan });
        let saved = SavedPlan::decode(&document.to_string()).map_err(|error| TestCaseError::fail(chain(&error)))?;
        prop_assert_eq!(&saved.plan, &plan);
        survives(&saved)?;
    }
}
