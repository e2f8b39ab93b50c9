//! The site's bucket as the edge reads it: by GetObject from the emulator, as CloudFront does.

use std::time::SystemTime;

use aws_sdk_s3::Client;
use futures::future::BoxFuture;
use sitepush::local::edge::{Origin, OriginObject};

/// One bucket.
#[derive(Debug)]
pub struct Bucket {
    pub client: Client,
    pub name: String,
}

impl Origin for Bucket {
    fn fetch<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Option<OriginObject>> {
        Box::pin(async move {
            // A bucket that cannot be reached is one without the object, for a visitor.
            let object = self.client.get_object().bucket(&self.name).key(key).send().await.ok()?;
            let own = [
                ("cache-control", object.cache_control()),
                ("content-type", object.content_type()),
                ("content-encoding", object.content_encoding()),
                ("content-disposition", object.content_disposition()),
                ("content-language", object.content_language()),
                ("expires", object.expires_string()),
                ("x-amz-website-redirect-location", object.website_redirect_location()),
            ];
            let own = own.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?.to_owned())));
            let metadata = object.metadata().into_iter().flatten();
            let metadata = metadata.map(|(name, value)| (format!("x-amz-meta-{name}"), value.clone()));
            let headers = own.chain(metadata).collect();
            let e_tag = object.e_tag().unwrap_or_default().to_owned();
            let last_modified = object.last_modified().and_then(|time| SystemTime::try_from(*time).ok());
            let body = object.body.collect().await.ok()?.into_bytes();
            let last_modified = last_modified.unwrap_or(SystemTime::UNIX_EPOCH);
            Some(OriginObject { body, headers, e_tag, last_modified })
        })
    }
}
