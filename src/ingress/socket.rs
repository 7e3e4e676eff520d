//! The socket of one connection: it tells where the connection is between two requests, and it closes without taking the
//! answer away from a client that is still sending.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep};

/// Most bytes that are read and thrown away while lingering.
const LINGER_BYTES: usize = 32 << 20;

/// Where a connection is, shared between its socket, its requests and its owner.
#[derive(Debug)]
pub(super) struct Progress {
    opened: Instant,
    /// One of the words below, or else the millisecond since `opened` at which the headers of a request began.
    at: AtomicU64,
}

/// Nothing was ever received; the headers of the first request count from the opening.
const FRESH: u64 = u64::MAX;
/// Between two requests.
const IDLE: u64 = u64::MAX - 1;
/// A request is under way, or was answered before it was whole.
const BUSY: u64 = u64::MAX - 2;

impl Progress {
    pub(super) fn new() -> Self {
        Self { opened: Instant::now(), at: AtomicU64::new(FRESH) }
    }

    fn set(&self, word: u64) {
        self.at.store(word, Ordering::Relaxed);
    }

    fn received(&self) {
        match self.at.load(Ordering::Relaxed) {
            FRESH => self.set(0),
            IDLE => {
                let since = u64::try_from(self.opened.elapsed().as_millis()).unwrap_or(0);
                self.set(since);
            }
            _ => {}
        }
    }

    /// The headers of a request are whole.
    pub(super) fn busy(&self) {
        self.set(BUSY);
    }

    /// A request that was read whole is answered.
    pub(super) fn idle(&self) {
        self.set(IDLE);
    }

    /// Whether nothing was ever received.
    pub(super) fn is_fresh(&self) -> bool {
        self.at.load(Ordering::Relaxed) == FRESH
    }

    /// When the headers that are being received began.
    pub(super) fn head_began(&self) -> Option<Instant> {
        match self.at.load(Ordering::Relaxed) {
            FRESH => Some(self.opened),
            IDLE | BUSY => None,
            millis => Some(self.opened + Duration::from_millis(millis)),
        }
    }

    /// Whether the client may be in the middle of a request.
    fn is_unread(&self) -> bool {
        !matches!(self.at.load(Ordering::Relaxed), FRESH | IDLE)
    }
}

/// A stream, TCP but in proofs, with its [`Progress`]. Shutting it down lingers: with unread bytes in its buffer the kernel would answer a
/// close with a reset, and the client might never see the answer.
#[derive(Debug)]
pub(super) struct Socket<S> {
    stream: S,
    progress: Arc<Progress>,
    linger: Duration,
    lingering: Option<Lingering>,
}

#[derive(Debug)]
struct Lingering {
    until: Pin<Box<Sleep>>,
    left: usize,
}

impl<S: AsyncRead + Unpin> Socket<S> {
    pub(super) fn new(stream: S, progress: Arc<Progress>, linger: Duration) -> Self {
        Self { stream, progress, linger, lingering: None }
    }

    fn poll_linger(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(lingering) = &mut self.lingering else { return Poll::Ready(()) };
        let mut scratch = [0; 4096];
        loop {
            if lingering.until.as_mut().poll(cx).is_ready() {
                return Poll::Ready(());
            }
            let mut buffer = ReadBuf::new(&mut scratch);
            let read = ready!(Pin::new(&mut self.stream).poll_read(cx, &mut buffer));
            let count = buffer.filled().len();
            lingering.left = lingering.left.saturating_sub(count);
            if read.is_err() || count == 0 || lingering.left == 0 {
                return Poll::Ready(());
            }
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Socket<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(cx, buffer))?;
        if buffer.filled().len() > before {
            self.progress.received();
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Socket<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.lingering.is_none() {
            ready!(Pin::new(&mut self.stream).poll_shutdown(cx))?;
            if !self.progress.is_unread() {
                return Poll::Ready(Ok(()));
            }
            let until = Box::pin(tokio::time::sleep(self.linger));
            self.lingering = Some(Lingering { until, left: LINGER_BYTES });
        }
        self.poll_linger(cx).map(Ok)
    }
}
