//! The lock's record and the intent: corpus, campaigns, and values that are written and read back.

use std::cell::Cell;

use proptest::prelude::*;
use sitepush::core::lock::{LockError, LockRecord};
use sitepush::execute::push::Intent;

use crate::campaign::{damaged, damaged_or_retouched, extent, extent_in, play, watch};
use crate::corpus::{self, chain};
use crate::manifest::{DICTIONARY, names_a_place_of};
use crate::values::{intents, lock_records};

#[test]
fn each_lock_is_taken_or_refused_as_stated() {
    corpus::outcomes_are_as_stated("lock", |sample| {
        let decoded = LockRecord::decode(&sample.bytes);
        decoded.map(|record| format!("{record:?}")).map_err(|error| chain(&error))
    });
}

#[test]
fn each_intent_is_taken_or_left_as_stated() {
    corpus::outcomes_are_as_stated("intent", |sample| {
        Intent::decode(&sample.bytes).map(|intent| format!("{intent:?}")).ok_or_else(|| "none".to_owned())
    });
}

#[test]
fn a_damaged_lock_is_refused_or_survives_being_written_again() {
    let read = Cell::new(0);
    play(extent_in(file!(), "lock", 400), damaged_or_retouched("lock", DICTIONARY), |input| {
        match watch(&input, || LockRecord::decode(&input.0)) {
            Ok(record) => {
                read.set(read.get() + 1);
                let again = LockRecord::decode(&record.encode()).expect("it was just written");
                prop_assert_eq!(again, record);
            }
            Err(error @ LockError::Json(_)) => names_a_place_of(&chain(&error), &input.0)?,
            Err(error) => {
                prop_assert!(error.to_string().contains("newer") || error.to_string().contains("format"));
            }
        }
        Ok(())
    });
    assert!(read.get() >= 20, "only {} survived", read.get());
}

proptest! {
    #![proptest_config(extent(300))]

    #[test]
    fn a_damaged_intent_says_nothing_or_survives_being_written_again(input in damaged("intent", DICTIONARY)) {
        if let Some(intent) = watch(&input, || Intent::decode(&input.0)) {
            prop_assert_eq!(Intent::decode(&intent.encode()), Some(intent));
        }
    }

}

proptest! {
    #![proptest_config(extent(60))]

    #[test]
    fn any_lock_survives_encode_and_decode(record in lock_records()) {
        prop_assert_eq!(LockRecord::decode(&record.encode()).expect("it was just written"), record);
    }

    #[test]
    fn any_intent_survives_encode_and_decode(intent in intents()) {
        prop_assert_eq!(Intent::decode(&intent.encode()), Some(intent));
    }
}
