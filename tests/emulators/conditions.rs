//! Writes whose conditions do not hold, asked of an emulator itself: what a push rests on.

use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::types::{CompletedMultipartUpload, CompletedPart};

use crate::emulator::{Emulator, Kind};
use crate::support::BUCKET;

/// An ETag that no object here has.
const STALE: &str = "\"00000000000000000000000000000000\"";

/// A write whose condition does not hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unmet {
    /// PutObject where something is, with `If-None-Match: *`.
    PutOntoSomething,
    /// PutObject over another object than `If-Match` says.
    PutOverAnother,
    /// CopyObject of another object than `x-amz-copy-source-if-match` says.
    CopyOfAnother,
    /// CompleteMultipartUpload where something is, with `If-None-Match: *`.
    CompleteOntoSomething,
}

impl Unmet {
    pub const ALL: [Self; 4] =
        [Self::PutOntoSomething, Self::PutOverAnother, Self::CopyOfAnother, Self::CompleteOntoSomething];

    /// Those that an emulator carries out all the same: [`crate::lies`] has a test of each.
    pub fn carried_out_by(kind: Kind) -> &'static [Self] {
        match kind {
            Kind::Moto => &[Self::CopyOfAnother],
            Kind::Ministack => &[],
        }
    }

    /// Whether the emulator carries it out, where `before` is to be written over by `after`. When not, the answer is 412
    /// and what was there stays.
    pub fn is_carried_out(self, emulator: &Emulator) -> bool {
        let (key, source) = (format!("{self:?}"), format!("source of {self:?}"));
        emulator.put_foreign(&key, "before");
        emulator.put_foreign(&source, "after");
        let status = match self {
            Self::PutOntoSomething | Self::PutOverAnother => {
                let request =
                    emulator.s3.put_object().bucket(BUCKET).key(&key).body(b"after".to_vec().into());
                let request = match self {
                    Self::PutOntoSomething => request.if_none_match("*"),
                    _ => request.if_match(STALE),
                };
                status(emulator.runtime.block_on(request.send()))
            }
            Self::CopyOfAnother => {
                let from = format!("{BUCKET}/{}", source.replace(' ', "%20"));
                let request = emulator.s3.copy_object().bucket(BUCKET).key(&key).copy_source(from);
                status(emulator.runtime.block_on(request.copy_source_if_match(STALE).send()))
            }
            Self::CompleteOntoSomething => complete(emulator, &key),
        };
        let found = emulator.body(&key);
        match status {
            200 => assert_eq!(found, "after", "{self:?}"),
            _ => assert_eq!((status, found.as_str()), (412, "before"), "{self:?}"),
        }
        status == 200
    }
}

/// Ends an upload of one part where something is, if nothing is there.
fn complete(emulator: &Emulator, key: &str) -> u16 {
    emulator.runtime.block_on(async {
        let begun = emulator.s3.create_multipart_upload().bucket(BUCKET).key(key).send().await;
        let id = begun.expect("an upload begins").upload_id.expect("an id");
        let part = emulator.s3.upload_part().bucket(BUCKET).key(key).upload_id(&id).part_number(1);
        let sent = part.body(b"after".to_vec().into()).send().await.expect("a part is taken");
        let part = CompletedPart::builder().part_number(1).set_e_tag(sent.e_tag).build();
        let parts = CompletedMultipartUpload::builder().parts(part).build();
        let request = emulator.s3.complete_multipart_upload().bucket(BUCKET).key(key).upload_id(id);
        status(request.multipart_upload(parts).if_none_match("*").send().await)
    })
}

fn status<T, E: ProvideErrorMetadata>(answer: Result<T, SdkError<E>>) -> u16 {
    answer.map_or_else(|error| error.raw_response().expect("an answer").status().as_u16(), |_| 200)
}
