//! Multipart uploads.

use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{ChecksumAlgorithm, ChecksumMode, CompletedMultipartUpload, CompletedPart};
use s3s::crypto::{Checksum as _, Md5};
use sitepush::local::s3::StoreOptions;

use crate::support::{BUCKET, Site, refusal, site};

const KEY: &str = "video";

async fn small_parts() -> Site {
    site(StoreOptions { min_part_size_bytes: 5, ..StoreOptions::default() }).await
}

async fn begin(site: &Site) -> String {
    let create = site.client.create_multipart_upload().bucket(BUCKET).key(KEY).content_type("video/mp4");
    let create = create.checksum_algorithm(ChecksumAlgorithm::Crc32).send().await.expect("an upload");
    create.upload_id().expect("an id").to_owned()
}

async fn upload(site: &Site, id: &str, number: i32, body: &str) -> CompletedPart {
    let part = site.client.upload_part().bucket(BUCKET).key(KEY).upload_id(id).part_number(number);
    let part =
        part.body(ByteStream::from(body.as_bytes().to_vec())).checksum_algorithm(ChecksumAlgorithm::Crc32);
    let part = part.send().await.expect("a part");
    let completed = CompletedPart::builder().part_number(number).set_e_tag(part.e_tag().map(str::to_owned));
    completed.set_checksum_crc32(part.checksum_crc32().map(str::to_owned)).build()
}

fn completed(parts: Vec<CompletedPart>) -> CompletedMultipartUpload {
    CompletedMultipartUpload::builder().set_parts(Some(parts)).build()
}

#[tokio::test]
async fn parts_become_one_object_with_a_compound_e_tag_and_checksum() {
    let site = small_parts().await;
    let id = begin(&site).await;
    // The second comes first, and the first twice: the last one counts.
    let second = upload(&site, &id, 7, "end").await;
    upload(&site, &id, 2, "wrong").await;
    let first = upload(&site, &id, 2, "start").await;
    let listed = site.client.list_parts().bucket(BUCKET).key(KEY).upload_id(&id).send().await.expect("parts");
    let sizes: Vec<_> = listed.parts().iter().map(|part| (part.part_number(), part.size())).collect();
    assert_eq!(sizes, [(Some(2), Some(5)), (Some(7), Some(3))]);
    assert!(site.store.object(BUCKET, KEY).is_none(), "not before it is complete");

    let complete = site.client.complete_multipart_upload().bucket(BUCKET).key(KEY).upload_id(&id);
    let done = complete.multipart_upload(completed(vec![first, second])).send().await.expect("a completion");
    let md5s = [Md5::checksum(b"start"), Md5::checksum(b"end")].concat();
    let e_tag = format!("\"{}-2\"", const_hex::encode(Md5::checksum(&md5s)));
    assert_eq!(done.e_tag(), Some(e_tag.as_str()));
    let head =
        site.client.head_object().bucket(BUCKET).key(KEY).checksum_mode(ChecksumMode::Enabled).send().await;
    let head = head.expect("a head");
    assert_eq!((head.e_tag(), head.content_type()), (Some(e_tag.as_str()), Some("video/mp4")));
    assert!(head.checksum_crc32().is_some_and(|checksum| checksum.ends_with("-2")), "{head:?}");
    assert_eq!(site.get(KEY).await, "startend");

    let again = site.client.list_parts().bucket(BUCKET).key(KEY).upload_id(&id).send().await;
    assert_eq!(refusal(again), (404, "NoSuchUpload".to_owned()));
}

#[tokio::test]
async fn a_completion_that_names_the_wrong_parts_makes_nothing() {
    let site = small_parts().await;
    let id = begin(&site).await;
    let small = upload(&site, &id, 1, "tiny").await;
    let last = upload(&site, &id, 2, "enough").await;
    let complete = |parts: Vec<CompletedPart>| {
        let complete = site.client.complete_multipart_upload().bucket(BUCKET).key(KEY).upload_id(&id);
        complete.multipart_upload(completed(parts)).send()
    };
    let code = |name: &str| (400, name.to_owned());
    assert_eq!(refusal(complete(vec![small.clone(), last.clone()]).await), code("EntityTooSmall"));
    assert_eq!(refusal(complete(vec![last.clone(), small.clone()]).await), code("InvalidPartOrder"));
    let other = CompletedPart::builder().part_number(2).e_tag("\"other\"").build();
    assert_eq!(refusal(complete(vec![other]).await), code("InvalidPart"));
    assert_eq!(refusal(complete(vec![]).await), code("MalformedXML"));
    assert!(site.store.object(BUCKET, KEY).is_none());
    complete(vec![last]).await.expect("one part of any size");
}

#[tokio::test]
async fn a_completion_is_conditional() {
    let site = small_parts().await;
    site.put(KEY, "hello").await;
    let id = begin(&site).await;
    let part = upload(&site, &id, 1, "part").await;
    let complete = || {
        let complete = site.client.complete_multipart_upload().bucket(BUCKET).key(KEY).upload_id(&id);
        complete.multipart_upload(completed(vec![part.clone()]))
    };
    let failed = (412, "PreconditionFailed".to_owned());
    assert_eq!(refusal(complete().if_none_match("*").send().await), failed);
    assert_eq!(refusal(complete().if_match("\"other\"").send().await), failed);
    assert_eq!(site.get(KEY).await, "hello");
    complete().if_match("\"5d41402abc4b2a76b9719d911017c592\"").send().await.expect("the one that was read");
    assert_eq!(site.get(KEY).await, "part");
}

#[tokio::test]
async fn an_aborted_upload_is_gone() {
    let site = small_parts().await;
    let id = begin(&site).await;
    upload(&site, &id, 1, "part").await;
    let listed = site.client.list_multipart_uploads().bucket(BUCKET).send().await.expect("uploads");
    assert_eq!(
        listed.uploads().iter().map(|upload| upload.upload_id()).collect::<Vec<_>>(),
        [Some(id.as_str())]
    );
    let abort = || site.client.abort_multipart_upload().bucket(BUCKET).key(KEY).upload_id(&id).send();
    abort().await.expect("an abort");
    assert_eq!(refusal(abort().await), (404, "NoSuchUpload".to_owned()));
    let listed = site.client.list_multipart_uploads().bucket(BUCKET).send().await.expect("uploads");
    assert!(listed.uploads().is_empty());
}
