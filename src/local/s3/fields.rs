//! The same fields under the many types of the API: headers and checksums that come in, and those that go out.

/// The headers to store, out of an input's fields.
macro_rules! said_headers {
    ($input:expr) => {
        $crate::local::s3::object::ObjectHeaders {
            cache_control: $input.cache_control.take(),
            content_type: $input.content_type.take(),
            content_encoding: $input.content_encoding.take(),
            content_disposition: $input.content_disposition.take(),
            content_language: $input.content_language.take(),
            expires: $input.expires.take().as_ref().and_then($crate::local::s3::object::http_date),
            website_redirect_location: $input.website_redirect_location.take(),
            user_metadata: $input.metadata.take().unwrap_or_default().into_iter().collect(),
        }
    };
}

/// What an input claims of its bytes.
macro_rules! claimed_checksums {
    ($input:expr) => {
        $crate::local::s3::checksum::Checksums {
            crc32: $input.checksum_crc32.take(),
            crc32c: $input.checksum_crc32c.take(),
            crc64nvme: $input.checksum_crc64nvme.take(),
            sha1: $input.checksum_sha1.take(),
            sha256: $input.checksum_sha256.take(),
            composite: false,
        }
    };
}

/// An output with these checksums and fields; the others are empty.
macro_rules! with_checksums {
    ($output:ident, $checksums:expr, { $($field:ident: $value:expr),* $(,)? }) => {{
        let checksums = $checksums;
        #[allow(clippy::needless_update, reason = "some outputs have no other fields")]
        let output = $output {
            $($field: $value,)*
            checksum_crc32: checksums.crc32,
            checksum_crc32c: checksums.crc32c,
            checksum_crc64nvme: checksums.crc64nvme,
            checksum_sha1: checksums.sha1,
            checksum_sha256: checksums.sha256,
            ..$output::default()
        };
        output
    }};
}

/// An output that describes a stored object, with these fields besides.
macro_rules! described {
    ($output:ident, $reading:expr, { $($field:ident: $value:expr),* $(,)? }) => {{
        let reading = $reading;
        let headers = &reading.object.headers;
        with_checksums!($output, reading.checksums, {
            accept_ranges: Some("bytes".to_owned()),
            content_length: i64::try_from(reading.range.end - reading.range.start).ok(),
            content_range: reading.content_range,
            e_tag: Some(reading.object.e_tag()),
            last_modified: Some($crate::local::s3::object::api_time(reading.last_modified)),
            version_id: reading.version_id,
            cache_control: headers.cache_control.clone(),
            content_type: headers.content_type.clone(),
            content_encoding: headers.content_encoding.clone(),
            content_disposition: headers.content_disposition.clone(),
            content_language: headers.content_language.clone(),
            expires: headers.expires_timestamp(),
            website_redirect_location: headers.website_redirect_location.clone(),
            metadata: headers.metadata(),
            checksum_type: reading.checksum_type,
            $($field: $value,)*
        })
    }};
}
