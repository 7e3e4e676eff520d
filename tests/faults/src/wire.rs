//! Raw bytes over a socket, for what no client would send.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// Writes, and reads until the other side closes or is silent for `patience`.
pub async fn ask(to: SocketAddr, request: &[u8], patience: Duration) -> anyhow::Result<Vec<u8>> {
    let mut stream = TcpStream::connect(to).await?;
    // The other side may refuse before it has read everything.
    drop(stream.write_all(request).await);
    Ok(read(&mut stream, patience).await)
}

/// Reads until the other side closes or is silent for `patience`.
pub async fn read(stream: &mut TcpStream, patience: Duration) -> Vec<u8> {
    let (mut answer, mut piece) = (Vec::new(), [0; 16 << 10]);
    while let Ok(Ok(count @ 1..)) = timeout(patience, stream.read(&mut piece)).await {
        answer.extend_from_slice(&piece[..count]);
    }
    answer
}

/// The statuses of the answers in what was read.
pub fn statuses(answer: &[u8]) -> Vec<u16> {
    let text = String::from_utf8_lossy(answer);
    let answers = text.split("HTTP/1.1 ").skip(1);
    answers.filter_map(|rest| rest.split(' ').next()?.parse().ok()).collect()
}
