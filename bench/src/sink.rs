//! The targets: one server for all of them, told apart by the path `/t/NUMBER`. It reads, notes and answers 200, no more.

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::Context as _;
use bytes::{Buf, BytesMut};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use crate::body;
use crate::books::Books;

const OK: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
/// How much of the end of a body is looked at.
const END: usize = 64;

/// Ends when it is dropped.
#[derive(Debug)]
pub struct Sink {
    pub address: SocketAddr,
    serving: JoinHandle<()>,
}

impl Drop for Sink {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl Sink {
    pub async fn start(books: &Arc<Books>) -> anyhow::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await.context("a port for the sink")?;
        let address = listener.local_addr()?;
        let books = Arc::clone(books);
        let serving = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let books = Arc::clone(&books);
                tokio::spawn(async move { serve(stream, &books).await });
            }
        });
        Ok(Self { address, serving })
    }
}

async fn serve(mut stream: TcpStream, books: &Books) -> Option<()> {
    stream.set_nodelay(true).ok()?;
    let mut buffer = BytesMut::with_capacity(64 << 10);
    loop {
        let head = loop {
            if let Some(at) = buffer.windows(4).position(|four| four == b"\r\n\r\n") {
                break buffer.split_to(at + 4);
            }
            if stream.read_buf(&mut buffer).await.ok()? == 0 {
                return None;
            }
        };
        let (target, mut rest) = request(&head)?;
        // The end of the body is kept, whatever comes in between.
        while rest > buffer.len() {
            let drop = buffer.len().saturating_sub(END).min(rest.saturating_sub(END));
            buffer.advance(drop);
            rest -= drop;
            buffer.reserve(32 << 10);
            if stream.read_buf(&mut buffer).await.ok()? == 0 {
                return None;
            }
        }
        let body = buffer.split_to(rest);
        books.arrived(target, body::number(&body));
        stream.write_all(OK).await.ok()?;
    }
}

/// The target and the length of the body.
fn request(head: &[u8]) -> Option<(usize, usize)> {
    let head = std::str::from_utf8(head).ok()?;
    let path = head.split(' ').nth(1)?;
    let target = path.strip_prefix("/t/")?.parse().ok()?;
    let length = head.lines().skip(1).find_map(|line| {
        let (key, value) = line.split_once(':')?;
        key.eq_ignore_ascii_case("content-length").then(|| value.trim().parse().ok())?
    });
    Some((target, length?))
}
