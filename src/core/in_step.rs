//! Looking keys up in a sorted map while going through another one in the same order.

use std::borrow::Borrow;
use std::collections::BTreeMap;
use std::collections::btree_map::Range;
use std::iter::Peekable;
use std::ops::Bound;

use super::key::ObjectKey;

/// A map that is asked for one key after another. Asked in order, it steps beside them, which is several times quicker
/// than a search for each; asked out of order, it searches.
pub struct InStep<'a, K, V> {
    map: &'a BTreeMap<K, V>,
    ahead: Peekable<Range<'a, K, V>>,
    /// The last key that is not `ahead` any more.
    passed: Option<&'a ObjectKey>,
}

impl<'a, K: Borrow<ObjectKey> + Ord, V> InStep<'a, K, V> {
    pub fn with(map: &'a BTreeMap<K, V>) -> Self {
        let whole = (Bound::<&ObjectKey>::Unbounded, Bound::Unbounded);
        Self { map, ahead: map.range::<ObjectKey, _>(whole).peekable(), passed: None }
    }

    /// What stands under the key.
    pub fn get(&mut self, key: &ObjectKey) -> Option<&'a V> {
        self.get_key_value(key).map(|(_, value)| value)
    }

    /// The same with the map's own key, whose text is shared where it is cloned.
    pub fn get_key_value(&mut self, key: &ObjectKey) -> Option<(&'a K, &'a V)> {
        if self.passed.is_some_and(|passed| key <= passed) {
            self.ahead = self.map.range::<ObjectKey, _>(key..).peekable();
            self.passed = self.map.range::<ObjectKey, _>(..key).next_back().map(|(there, _)| there.borrow());
        }
        loop {
            let (own, value) = self.ahead.peek().copied()?;
            let there = own.borrow();
            match there.cmp(key) {
                std::cmp::Ordering::Less => {
                    self.passed = Some(there);
                    self.ahead.next();
                }
                std::cmp::Ordering::Equal => return Some((own, value)),
                std::cmp::Ordering::Greater => return None,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn key(number: u8) -> ObjectKey {
        ObjectKey::new(format!("k{number:02}")).expect("a key")
    }

    proptest! {
        #[test]
        fn it_answers_as_the_map_does_in_any_order(
            there in prop::collection::btree_set(0..30_u8, 0..20),
            mut asked in prop::collection::vec(0..30_u8, 0..40),
            is_sorted: bool,
        ) {
            if is_sorted {
                asked.sort_unstable();
            }
            let map: BTreeMap<ObjectKey, u8> = there.into_iter().map(|number| (key(number), number)).collect();
            let mut in_step = InStep::with(&map);
            for number in asked {
                prop_assert_eq!(in_step.get(&key(number)), map.get(&key(number)));
            }
        }
    }
}
