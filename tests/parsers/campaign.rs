//! Campaigns against a parser: damaged corpus files and arbitrary bytes, few by default and many where time is given.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed, TestCaseResult, TestRunner};

use crate::corpus;

/// No case of a few kilobytes takes nearly as long, on a busy machine either.
const CASE_LIMIT: Duration = Duration::from_secs(20);

/// How many cases a campaign has. They are the same ones each time, so that a change is judged by what it changes; the
/// thorough run draws new ones, and as many as it is told.
pub fn extent(cases: u32) -> Config {
    let lifted = Config { max_shrink_iters: 2000, ..Config::default() };
    if std::env::var_os("SITEPUSH_THOROUGH").is_some() {
        return lifted;
    }
    Config { cases, rng_seed: RngSeed::Fixed(20_261_126), ..lifted }
}

/// Runs a campaign whose cases share what is dear to make, such as a server.
pub fn play<S: Strategy>(config: Config, inputs: S, case: impl Fn(S::Value) -> TestCaseResult) {
    let mut runner = TestRunner::new(config);
    if let Err(found) = runner.run(&inputs, case) {
        panic!("{found}\n{runner}");
    }
}

/// The same as [`extent`] for such a campaign: proptest is told where to keep the seeds of what it finds.
pub fn extent_in(source_file: &'static str, test_name: &'static str, cases: u32) -> Config {
    Config { source_file: Some(source_file), test_name: Some(test_name), ..extent(cases) }
}

/// What a parser is given. Shown as it would be written in Rust, so that a find can be pasted.
#[derive(Clone, PartialEq, Eq)]
pub struct Input(pub Vec<u8>);

impl fmt::Debug for Input {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "b\"{}\"", self.0.escape_ascii())
    }
}

impl Input {
    /// As the text that a file of these bytes is; what is not UTF-8 is refused before a text parser sees it.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.0).into_owned()
    }
}

/// A place as a share of what there is, so that one draw fits files of any length.
#[derive(Clone, Copy, Debug)]
struct Place(u16);

impl Place {
    /// Below `count`, which is not zero.
    fn index(self, count: usize) -> usize {
        (usize::from(self.0) * count) >> 16
    }

    fn get<T>(self, of: &[T]) -> &T {
        &of[self.index(of.len())]
    }
}

fn places() -> impl Strategy<Value = Place> {
    any::<u16>().prop_map(Place)
}

/// One way to damage a text.
#[derive(Clone, Debug)]
enum Damage {
    Flip { at: Place, bit: u8 },
    Replace { at: Place, byte: u8 },
    Cut { at: Place, length: Place },
    End { at: Place },
    Duplicate { at: Place, length: Place, times: usize },
    Splice { at: Place, other: Place, from: Place },
    Insert { at: Place, token: Place },
    InsertMany { at: Place, token: Place, times: usize },
}

fn damages() -> impl Strategy<Value = Damage> {
    let at = places;
    prop_oneof![
        3 => (at(), 0_u8..8).prop_map(|(at, bit)| Damage::Flip { at, bit }),
        2 => (at(), any::<u8>()).prop_map(|(at, byte)| Damage::Replace { at, byte }),
        3 => (at(), at()).prop_map(|(at, length)| Damage::Cut { at, length }),
        1 => at().prop_map(|at| Damage::End { at }),
        3 => (at(), at(), 1_usize..4).prop_map(|(at, length, times)| Damage::Duplicate { at, length, times }),
        2 => (at(), at(), at()).prop_map(|(at, other, from)| Damage::Splice { at, other, from }),
        6 => (at(), at()).prop_map(|(at, token)| Damage::Insert { at, token }),
        1 => (at(), at(), 2_usize..400).prop_map(|(at, token, times)| Damage::InsertMany { at, token, times }),
    ]
}

/// A stretch of at most 200 bytes.
fn stretch(bytes: &[u8], at: Place, length: Place) -> std::ops::Range<usize> {
    let start = at.index(bytes.len() + 1);
    start..start + length.index((bytes.len() - start).min(200) + 1)
}

fn apply(damage: &Damage, bytes: &mut Vec<u8>, corpus: &[Vec<u8>], dictionary: &[&str]) {
    let mut insert = |at: &Place, inserted: Vec<u8>| {
        let at = at.index(bytes.len() + 1);
        bytes.splice(at..at, inserted);
    };
    match damage {
        Damage::Insert { at, token } => insert(at, token.get(dictionary).as_bytes().to_vec()),
        Damage::InsertMany { at, token, times } => {
            insert(at, token.get(dictionary).as_bytes().repeat(*times));
        }
        Damage::Flip { at, bit } if !bytes.is_empty() => {
            let at = at.index(bytes.len());
            bytes[at] ^= 1 << bit;
        }
        Damage::Replace { at, byte } if !bytes.is_empty() => {
            let at = at.index(bytes.len());
            bytes[at] = *byte;
        }
        Damage::Flip { .. } | Damage::Replace { .. } => {}
        Damage::Cut { at, length } => {
            bytes.drain(stretch(bytes, *at, *length));
        }
        Damage::End { at } => bytes.truncate(at.index(bytes.len() + 1)),
        Damage::Duplicate { at, length, times } => {
            let stretch = stretch(bytes, *at, *length);
            let copies = bytes[stretch.clone()].repeat(*times);
            bytes.splice(stretch.end..stretch.end, copies);
        }
        Damage::Splice { at, other, from } => {
            let other = other.get(corpus);
            bytes.truncate(at.index(bytes.len() + 1));
            bytes.extend_from_slice(&other[from.index(other.len() + 1)..]);
        }
    }
}

/// Files of a parser's corpus, damaged in up to six places, and now and then bytes that were never a file.
pub fn damaged(parser: &str, dictionary: &'static [&'static str]) -> impl Strategy<Value = Input> + use<> {
    let corpus: Arc<Vec<Vec<u8>>> =
        Arc::new(corpus::samples(parser).into_iter().map(|sample| sample.bytes).collect());
    let files = (places(), vec(damages(), 1..=6)).prop_map(move |(file, damages)| {
        let mut bytes = file.get(&corpus).clone();
        for damage in &damages {
            apply(damage, &mut bytes, &corpus, dictionary);
        }
        bytes
    });
    prop_oneof![15 => files, 1 => vec(any::<u8>(), 0..300)].prop_map(Input)
}

/// The same, and in between files that can be read, with a letter or a digit or two in the place of others: what hardly any
/// damaged file comes to, most of these do.
pub fn damaged_or_retouched(
    parser: &str,
    dictionary: &'static [&'static str],
) -> impl Strategy<Value = Input> + use<> {
    let readable: Vec<Vec<u8>> =
        corpus::samples_that_are_accepted(parser).into_iter().map(|sample| sample.bytes).collect();
    let touches = vec((places(), places()), 1..=2);
    let retouched = (places(), touches).prop_map(move |(file, touches)| {
        let mut bytes = file.get(&readable).clone();
        for (at, sign) in touches {
            retouch(&mut bytes, at, sign);
        }
        Input(bytes)
    });
    prop_oneof![3 => damaged(parser, dictionary), 1 => retouched]
}

/// Puts another digit in the place of a digit, or another small letter in the place of one.
fn retouch(bytes: &mut [u8], at: Place, sign: Place) {
    let is_sign = |byte: &u8| byte.is_ascii_digit() || byte.is_ascii_lowercase();
    let places: Vec<usize> = (0..bytes.len()).filter(|at| is_sign(&bytes[*at])).collect();
    if places.is_empty() {
        return;
    }
    let byte = &mut bytes[*at.get(&places)];
    *byte = *sign.get(if byte.is_ascii_digit() { b"0123456789" } else { b"abcdefghijklmnopqrstuvwxyz" });
}

/// The case that a thread is at, and since when.
type Current = Arc<Mutex<Option<(Instant, Input)>>>;

thread_local! {
    static CURRENT: Current = watched_by_a_thread();
}

/// Looks at one case. If it does not end, the process ends and shows the input: an endless loop would tell nothing.
pub fn watch<T>(input: &Input, case: impl FnOnce() -> T) -> T {
    let set = |current| {
        CURRENT.with(|watched| *watched.lock().unwrap_or_else(PoisonError::into_inner) = current);
    };
    set(Some((Instant::now(), input.clone())));
    let result = case();
    set(None);
    result
}

#[expect(clippy::print_stderr, reason = "nothing else is left to tell it when the process ends")]
fn watched_by_a_thread() -> Current {
    let current = Current::default();
    let watched = Arc::downgrade(&current);
    std::thread::spawn(move || {
        while let Some(current) = watched.upgrade() {
            let current = current.lock().unwrap_or_else(PoisonError::into_inner).clone();
            if let Some((_, input)) = current.filter(|(since, _)| since.elapsed() > CASE_LIMIT) {
                eprintln!("this input takes longer than {CASE_LIMIT:?}: {input:?}");
                std::process::abort();
            }
            std::thread::sleep(Duration::from_millis(500));
        }
    });
    current
}

#[test]
fn each_kind_of_damage_does_what_its_name_says() {
    let corpus = [b"0123456789".to_vec(), b"abc".to_vec()];
    let damaged = |damage: Damage| {
        let mut bytes = corpus[0].clone();
        apply(&damage, &mut bytes, &corpus, &["<>"]);
        String::from_utf8(bytes).expect("ASCII")
    };
    let (first, last) = (Place(0), Place(u16::MAX));
    assert_eq!(damaged(Damage::Flip { at: first, bit: 0 }), "1123456789");
    assert_eq!(damaged(Damage::Replace { at: first, byte: b'x' }), "x123456789");
    assert_eq!(damaged(Damage::Cut { at: first, length: last }), "");
    assert_eq!(damaged(Damage::End { at: first }), "");
    assert_eq!(damaged(Damage::Duplicate { at: first, length: last, times: 1 }), "01234567890123456789");
    assert_eq!(damaged(Damage::Splice { at: first, other: last, from: first }), "abc");
    assert_eq!(damaged(Damage::Insert { at: last, token: first }), "0123456789<>");
    assert_eq!(damaged(Damage::InsertMany { at: first, token: first, times: 2 }), "<><>0123456789");
    let mut text = b"{a7}".to_vec();
    retouch(&mut text, first, last);
    retouch(&mut text, last, first);
    assert_eq!(text, b"{z0}");
}
