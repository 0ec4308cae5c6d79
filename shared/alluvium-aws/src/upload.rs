//! Writing one object, however large.

use alluvium_model::{ErrorKind, PortError, ports::PortResult};
use aws_sdk_s3::{
    Client,
    primitives::ByteStream,
    types::{ChecksumAlgorithm, CompletedMultipartUpload, CompletedPart},
};
use bytes::Bytes;
use tokio::task::JoinSet;

use crate::{error::port_error, lake_root::Place};

/// Bytes of an object that goes in one request.
const SINGLE_BYTES_MAX: usize = 16 << 20;
/// Bytes of a piece of a larger one (AWS documentation, S3: 5 MiB at least, 10,000 pieces at most).
const PIECE_BYTES: usize = 16 << 20;
/// Pieces under way at once.
const PIECES_AT_ONCE: usize = 3;

/// Writes an object, whole or not at all.
pub(crate) async fn upload(client: &Client, place: &Place, bytes: Bytes) -> PortResult<()> {
    if bytes.len() <= SINGLE_BYTES_MAX {
        let request = client.put_object().bucket(&place.bucket).key(&place.key);
        let put = request.body(ByteStream::from(bytes)).send().await;
        return put.map(drop).map_err(|error| port_error("write", place.uri(), error));
    }
    let request = client.create_multipart_upload().bucket(&place.bucket).key(&place.key);
    // The SDK adds a checksum to every piece; S3 wants to be told so, and all of them again at
    // the end (AWS documentation, S3: checking object integrity in multipart uploads).
    let request = request.checksum_algorithm(ChecksumAlgorithm::Crc32);
    let created = request.send().await.map_err(|error| port_error("write", place.uri(), error))?;
    let Some(id) = created.upload_id else {
        return Err(PortError::new(ErrorKind::Retry, "write", place.uri()).because("no upload id"));
    };
    let uploaded = upload_pieces(client, place, &id, bytes).await;
    if uploaded.is_err() {
        // What is left of it costs money until the bucket's lifecycle rule removes it.
        let request = client.abort_multipart_upload().bucket(&place.bucket).key(&place.key);
        if let Err(error) = request.upload_id(&id).send().await {
            let error = port_error("abort the upload of", place.uri(), error);
            tracing::warn!(%error, "an incomplete upload is left to the lifecycle rule");
        }
    }
    uploaded
}

async fn upload_pieces(client: &Client, place: &Place, id: &str, bytes: Bytes) -> PortResult<()> {
    let mut rest = bytes;
    let mut under_way = JoinSet::new();
    let mut done = Vec::new();
    for number in 1.. {
        if rest.is_empty() {
            break;
        }
        if under_way.len() == PIECES_AT_ONCE {
            done.extend(next_piece(&mut under_way).await?);
        }
        let piece = rest.split_to(PIECE_BYTES.min(rest.len()));
        let request = client
            .upload_part()
            .bucket(&place.bucket)
            .key(&place.key)
            .upload_id(id)
            .part_number(number)
            .checksum_algorithm(ChecksumAlgorithm::Crc32)
            .body(ByteStream::from(piece));
        let uri = place.uri();
        under_way.spawn(async move {
            let sent = request.send().await.map_err(|error| port_error("write", uri, error))?;
            Ok(CompletedPart::builder()
                .part_number(number)
                .set_e_tag(sent.e_tag)
                .set_checksum_crc32(sent.checksum_crc32)
                .build())
        });
    }
    while !under_way.is_empty() {
        done.extend(next_piece(&mut under_way).await?);
    }
    done.sort_by_key(CompletedPart::part_number);
    let request = client
        .complete_multipart_upload()
        .bucket(&place.bucket)
        .key(&place.key)
        .upload_id(id)
        .multipart_upload(CompletedMultipartUpload::builder().set_parts(Some(done)).build());
    request.send().await.map(drop).map_err(|error| port_error("write", place.uri(), error))
}

/// A piece that is done; none when there is no more. What is not awaited is stopped.
async fn next_piece(
    under_way: &mut JoinSet<PortResult<CompletedPart>>,
) -> PortResult<Option<CompletedPart>> {
    match under_way.join_next().await {
        None => Ok(None),
        Some(Ok(piece)) => piece.map(Some),
        Some(Err(stopped)) => {
            Err(PortError::new(ErrorKind::Bug, "write", "a piece").because(stopped))
        }
    }
}
