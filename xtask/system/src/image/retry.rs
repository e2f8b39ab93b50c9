//! Another try for what may pass: with longer and longer pauses, of which a part is chance, so that many do not come at once.

use std::time::Duration;

/// How often, and how long apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Retry {
    pub attempts: u32,
    /// The longest pause after the first attempt; each later one is twice as long.
    pub pause: Duration,
}

impl Default for Retry {
    /// About seven seconds in all.
    fn default() -> Self {
        Self { attempts: 6, pause: Duration::from_millis(300) }
    }
}

/// What an error means for the next attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    Again,
    GiveUp,
}

/// Calls until it works, `judge` gives up, or the attempts are used up; then returns the last error and the number of attempts.
pub(super) async fn retrying<T, E>(
    retry: Retry,
    judge: impl Fn(&E) -> Verdict,
    call: impl AsyncFn() -> Result<T, E>,
) -> Result<T, (E, u32)> {
    let mut attempt = 1;
    loop {
        match call().await {
            Ok(value) => return Ok(value),
            Err(error) if attempt < retry.attempts && judge(&error) == Verdict::Again => {
                tokio::time::sleep(pause(retry.pause, attempt, chance())).await;
                attempt += 1;
            }
            Err(error) => return Err((error, attempt)),
        }
    }
}

/// The pause after an attempt (from 1): between half and all of what it may be.
fn pause(first: Duration, attempt: u32, chance: u8) -> Duration {
    let longest = first * 2_u32.pow(attempt - 1);
    longest / 2 + longest / 2 * u32::from(chance) / 255
}

fn chance() -> u8 {
    let mut byte = [u8::MAX];
    // Without chance, the longest pause.
    let _ = getrandom::fill(&mut byte);
    byte[0]
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    const AT_ONCE: Retry = Retry { attempts: 3, pause: Duration::ZERO };

    async fn failing(times: u32, judge: impl Fn(&u32) -> Verdict) -> Result<u32, (u32, u32)> {
        let calls = Cell::new(0);
        let call = async || {
            calls.set(calls.get() + 1);
            if calls.get() <= times { Err(calls.get()) } else { Ok(calls.get()) }
        };
        retrying(AT_ONCE, judge, call).await
    }

    #[tokio::test]
    async fn it_is_tried_until_it_works_but_not_for_ever() {
        assert_eq!(failing(0, |_| Verdict::Again).await, Ok(1));
        assert_eq!(failing(2, |_| Verdict::Again).await, Ok(3));
        assert_eq!(failing(3, |_| Verdict::Again).await, Err((3, 3)));
    }

    #[tokio::test]
    async fn a_verdict_ends_it() {
        assert_eq!(failing(2, |_| Verdict::GiveUp).await, Err((1, 1)));
    }

    #[test]
    fn pauses_double_and_half_of_each_is_chance() {
        let first = Duration::from_millis(300);
        assert_eq!([1, 2, 3].map(|attempt| pause(first, attempt, 255).as_millis()), [300, 600, 1200]);
        assert_eq!([1, 2, 3].map(|attempt| pause(first, attempt, 0).as_millis()), [150, 300, 600]);
    }
}
