//! Makes the invalidations that a release owes.

use std::time::Duration;

use crate::core::event::{Event, EventSink};
use crate::core::manifest::OwedInvalidation;
use crate::core::outcome::MadeInvalidation;
use crate::edges::call::CallError;
use crate::edges::cloudfront::CloudFront;

use super::upload::Stop;

/// Whether to wait until CloudFront says that an invalidation has taken effect everywhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Completion {
    NotAwaited,
    /// At most this long; it is never a failure that it takes longer.
    AwaitedFor(Duration),
}

/// The pause between two questions whether an invalidation is completed: CloudFront needs 5 to 25 seconds.
const POLL_PAUSE: Duration = Duration::from_secs(2);

/// Sends one batch and, if asked to, waits for it until it is completed or the user wants to stop.
///
/// # Errors
/// When the batch could not be made: it stays owed.
pub async fn pay(
    cloudfront: &CloudFront,
    owed: &OwedInvalidation,
    completion: Completion,
    events: &EventSink,
    stop: &Stop,
) -> Result<MadeInvalidation, CallError> {
    let distribution_id = owed.distribution_id.clone();
    let item_count = owed.items.len() as u64;
    events(Event::Invalidating { distribution_id: distribution_id.clone(), items: item_count });
    let created = cloudfront.create_invalidation(owed).await?;
    let mut made = MadeInvalidation {
        distribution_id,
        invalidation_id: created.id,
        item_count,
        is_completed: created.is_completed,
    };
    if let Completion::AwaitedFor(limit) = completion
        && !made.is_completed
    {
        events(Event::WaitingForInvalidation { distribution_id: made.distribution_id.clone() });
        made.is_completed = wait(cloudfront, &made, limit, stop).await;
        if !made.is_completed && !stop.is_requested() {
            let text = format!(
                "invalidation {} on {} is not completed after {} s; it goes on without us",
                made.invalidation_id,
                made.distribution_id,
                limit.as_secs()
            );
            events(Event::Warning(text));
        }
    }
    Ok(made)
}

async fn wait(cloudfront: &CloudFront, made: &MadeInvalidation, limit: Duration, stop: &Stop) -> bool {
    let question = async {
        while !stop.is_requested() {
            let answer =
                cloudfront.is_invalidation_completed(&made.distribution_id, &made.invalidation_id).await;
            if answer.unwrap_or(false) {
                return true;
            }
            tokio::time::sleep(POLL_PAUSE).await;
        }
        false
    };
    tokio::time::timeout(limit, question).await.unwrap_or(false)
}
