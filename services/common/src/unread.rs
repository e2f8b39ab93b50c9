//! What a handler leaves of a request's body is read before the answer goes out.
//!
//! A refusal (a wrong content type, a route that is not there) often comes before the body has been read. The server would
//! then close the connection behind the answer without having said so, and the load balancer, which keeps it, would lose
//! the next request on it: a 502 for somebody else. A body that is too long or too slow for that is not waited for; its
//! answer says that the connection ends.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody, to_bytes};
use axum::extract::{Request, State};
use axum::http::HeaderValue;
use axum::http::header::{CONNECTION, EXPECT};
use axum::middleware::Next;
use axum::response::Response;
use hyper::body::{Frame, SizeHint};
use tokio::sync::oneshot;

/// How long the rest may take. The most of it has come while the request was looked at.
const REST_TIME: Duration = Duration::from_secs(1);

/// The layer; its state is the longest rest that is read, in bytes.
pub(crate) async fn read(State(limit): State<usize>, request: Request, next: Next) -> Response {
    if request.body().is_end_stream() {
        return next.run(request).await;
    }
    // Whoever asks before sending is not told to send what nobody wants.
    let is_asking = request.headers().contains_key(EXPECT);
    let (give_back, mut left) = oneshot::channel();
    let lend = |body| Body::new(Lent { body, give_back: Some(give_back) });
    let mut response = next.run(request.map(lend)).await;
    let is_read = match left.try_recv() {
        Ok(rest) => rest.is_end_stream() || (!is_asking && is_read_to_its_end(rest, limit).await),
        // Somebody holds it still.
        Err(_) => false,
    };
    if !is_read {
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

async fn is_read_to_its_end(rest: Body, limit: usize) -> bool {
    let is_known_longer = usize::try_from(rest.size_hint().lower()).map_or(true, |length| length > limit);
    !is_known_longer && matches!(tokio::time::timeout(REST_TIME, to_bytes(rest, limit)).await, Ok(Ok(_)))
}

/// A body that comes back when it is let go of.
struct Lent {
    body: Body,
    give_back: Option<oneshot::Sender<Body>>,
}

impl HttpBody for Lent {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        if let Some(give_back) = self.give_back.take() {
            // Where the request was given up, nobody waits for it.
            let _ = give_back.send(std::mem::take(&mut self.body));
        }
    }
}
