//! What the running program tells of itself, over its admin API: what a commit of the store takes.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const BUCKET: &str = "hookswitch_store_commit_seconds_bucket{le=\"";

/// The median in microseconds: within its bucket, commits are taken to be spread evenly. None if there is no such metric.
pub async fn median(admin: Option<SocketAddr>) -> Option<f64> {
    within(&ask(admin?, "GET /metrics").await.ok()?)
}

/// Asks the admin API, and returns its whole answer.
pub async fn ask(admin: SocketAddr, what: &str) -> std::io::Result<String> {
    post(admin, what, "").await
}

/// The same with a body of JSON.
pub async fn post(admin: SocketAddr, what: &str, body: &str) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(admin).await?;
    let length = body.len();
    let request = format!(
        "{what} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
    );
    stream.write_all(request.as_bytes()).await?;
    let mut text = String::new();
    stream.read_to_string(&mut text).await?;
    Ok(text)
}

fn within(text: &str) -> Option<f64> {
    let buckets: Vec<(f64, f64)> = text
        .lines()
        .filter_map(|line| {
            let (bound, count) = line.strip_prefix(BUCKET)?.split_once("\"}")?;
            Some((bound.replace("+Inf", "inf").parse().ok()?, count.trim().parse().ok()?))
        })
        .collect();
    let half = buckets.last()?.1 / 2.0;
    let at = buckets.iter().position(|(_, count)| *count >= half)?;
    let (below, before) = at.checked_sub(1).map_or((0.0, 0.0), |at| buckets[at]);
    let (bound, count) = buckets[at];
    if count <= before || bound.is_infinite() {
        return None;
    }
    Some((below + (bound - below) * (half - before) / (count - before)) * 1e6)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_lies_within_the_bucket_that_holds_it() {
        let line = |bound: &str, count: u32| format!("{BUCKET}{bound}\"}} {count}\n");
        let text = line("0.001", 10) + &line("0.002", 90) + &line("+Inf", 100);
        assert_eq!(within(&text), Some(1_500.0));
        assert_eq!(within("nothing"), None);
    }
}
