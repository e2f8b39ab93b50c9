//! The views in Redis: a hash from page to count, and the summary of it, a text that expires.
//!
//! Every change is one command or one script, so counts are exact whatever number of instances there is.

use std::time::Duration;

use redis::Script;
use serde::{Deserialize, Serialize};
use service_common::StoreError;

use crate::connection::Redis;
use crate::page::Page;

/// The keys carry the service's name, so that a Redis can be shared.
const VIEWS: &str = "counter:views";
const SUMMARY: &str = "counter:summary";

/// How many pages a summary lists.
const LISTED_PAGES: usize = 20;

/// The views of all pages.
pub struct Views {
    redis: Redis,
    add: Script,
    summarize: Script,
    max_pages: u64,
    summary_lifetime: Duration,
}

/// How often a page was viewed.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct PageCount {
    pub page: String,
    pub count: u64,
}

/// All views at one moment, which is up to a lifetime ago.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Summary {
    pub total: u64,
    /// The most viewed pages, from the most to the least.
    pub pages: Vec<PageCount>,
    /// When it was made, in milliseconds since 1970 by Redis's clock.
    pub made_ms: u64,
}

/// A summary as the script keeps it, numbers as texts.
#[derive(Debug, Deserialize)]
struct KeptSummary {
    total: String,
    pages: Vec<KeptCount>,
    made_ms: String,
}

#[derive(Debug, Deserialize)]
struct KeptCount {
    page: String,
    count: String,
}

impl Views {
    pub fn new(redis: Redis, max_pages: u64, summary_lifetime: Duration) -> Self {
        let add = Script::new(include_str!("views.lua"));
        let summarize = Script::new(include_str!("summary.lua"));
        Self { redis, add, summarize, max_pages, summary_lifetime }
    }

    /// Adds one view; returns the count with it, or none when there are as many pages as there may be.
    pub async fn add(&self, page: &Page) -> Result<Option<u64>, StoreError> {
        let mut add = self.add.key(VIEWS);
        add.arg(page.as_str()).arg(self.max_pages);
        let count: i64 = self.redis.run(async |mut redis| add.invoke_async(&mut redis).await).await?;
        Ok(u64::try_from(count).ok())
    }

    /// How often a page was viewed; 0 for one that never was.
    pub async fn count(&self, page: &Page) -> Result<u64, StoreError> {
        let mut get = redis::cmd("HGET");
        get.arg(VIEWS).arg(page.as_str());
        let count: Option<u64> = self.redis.run(async |mut redis| get.query_async(&mut redis).await).await?;
        Ok(count.unwrap_or(0))
    }

    /// The summary, made anew if the last one's time is over.
    pub async fn summary(&self) -> Result<Summary, StoreError> {
        let mut summarize = self.summarize.key(VIEWS);
        let lifetime_ms = u64::try_from(self.summary_lifetime.as_millis()).unwrap_or(u64::MAX);
        summarize.key(SUMMARY).arg(lifetime_ms).arg(LISTED_PAGES);
        let kept: String = self.redis.run(async |mut redis| summarize.invoke_async(&mut redis).await).await?;
        parse_summary(&kept).map_err(StoreError::Broken)
    }

    /// Asks Redis for an answer.
    pub async fn check(&self) -> Result<(), StoreError> {
        let ping = redis::cmd("PING");
        self.redis.run(async |mut redis| ping.query_async(&mut redis).await).await
    }

    pub fn credentials_refused(&self) -> bool {
        self.redis.credentials_refused()
    }
}

fn parse_summary(text: &str) -> Result<Summary, Box<dyn std::error::Error + Send + Sync>> {
    let kept: KeptSummary = serde_json::from_str(text)?;
    let pages =
        kept.pages.into_iter().map(|KeptCount { page, count }| Ok(PageCount { page, count: count.parse()? }));
    let pages = pages.collect::<Result<_, std::num::ParseIntError>>()?;
    Ok(Summary { total: kept.total.parse()?, pages, made_ms: kept.made_ms.parse()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kept_summary_is_read_with_its_numbers() {
        let text =
            r#"{"total":"9007199254740993","pages":[{"page":"\/","count":"12"}],"made_ms":"1795701234567"}"#;
        let summary = parse_summary(text).expect("it is whole");
        let pages = vec![PageCount { page: "/".to_owned(), count: 12 }];
        assert_eq!(summary, Summary { total: 9_007_199_254_740_993, pages, made_ms: 1_795_701_234_567 });
    }

    #[test]
    fn what_somebody_else_put_there_is_an_error() {
        assert!(parse_summary("{}").is_err());
        assert!(parse_summary(r#"{"total":"many","pages":[],"made_ms":"1"}"#).is_err());
    }
}
