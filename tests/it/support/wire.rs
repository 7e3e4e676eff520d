//! A client that writes the bytes it is told and reads what comes back.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::PATIENCE;

/// One connection.
pub(crate) struct Wire {
    stream: TcpStream,
    /// Received and not yet taken as an answer.
    ahead: Vec<u8>,
}

/// One answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// Names in lower case.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).expect("the body is JSON")
    }
}

/// A POST with `headers` (each with its line end) and a `Content-Length`.
pub(crate) fn post(path: &str, headers: &str, body: &[u8]) -> Vec<u8> {
    let length = body.len();
    let head =
        format!("POST {path} HTTP/1.1\r\nhost: t\r\n{headers}content-length: {length}\r\n\r\n");
    [head.as_bytes(), body].concat()
}

impl Wire {
    pub(crate) async fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).await.expect("somebody listens");
        Self { stream, ahead: Vec::new() }
    }

    /// From another address of this machine.
    #[cfg(target_os = "linux")]
    pub(crate) async fn connect_from(from: [u8; 4], address: SocketAddr) -> Self {
        let socket = tokio::net::TcpSocket::new_v4().expect("a socket");
        socket.bind((from, 0).into()).expect("all of 127.0.0.0/8 is ours on Linux");
        let stream = socket.connect(address).await.expect("somebody listens");
        Self { stream, ahead: Vec::new() }
    }

    /// Writes everything. A server that closed already is no failure: what it said can still be read.
    pub(crate) async fn send(&mut self, bytes: impl AsRef<[u8]>) -> &mut Self {
        self.is_taken(bytes.as_ref()).await;
        self
    }

    /// Writes everything, and says whether the server took it rather than break off.
    pub(crate) async fn is_taken(&mut self, bytes: &[u8]) -> bool {
        let sent = timeout(PATIENCE, self.stream.write_all(bytes)).await;
        sent.expect("the server takes what is sent, or breaks off").is_ok()
    }

    /// Closes our side; the server's answer can still be read.
    pub(crate) async fn finish(&mut self) -> &mut Self {
        self.stream.shutdown().await.expect("our side closes");
        self
    }

    /// Whether more came; false at the end, by a close or a reset.
    async fn more(&mut self) -> bool {
        let read = timeout(PATIENCE, self.stream.read_buf(&mut self.ahead)).await;
        read.expect("the server answers or closes").is_ok_and(|count| count > 0)
    }

    /// The next answer, interim ones included; none if the connection closes before it.
    pub(crate) async fn answer(&mut self) -> Option<Answer> {
        let head_end = loop {
            if let Some(at) = self.ahead.windows(4).position(|four| four == b"\r\n\r\n") {
                break at;
            }
            if !self.more().await {
                assert!(self.ahead.is_empty(), "half an answer: {:?}", self.ahead);
                return None;
            }
        };
        let head: Vec<u8> = self.ahead.drain(..head_end + 4).collect();
        let head = String::from_utf8(head).expect("our heads are text");
        let mut lines = head.trim_end().split("\r\n");
        let status = lines.next().and_then(|line| line.split(' ').nth(1));
        let status: u16 = status.and_then(|text| text.parse().ok()).expect("a status line");
        let headers: Vec<(String, String)> = lines
            .map(|line| line.split_once(": ").expect("a header"))
            .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
            .collect();
        let length = headers.iter().find(|(name, _)| name == "content-length");
        let length = length.map_or(0, |(_, value)| value.parse().expect("a length"));
        while self.ahead.len() < length {
            assert!(self.more().await, "the answer's body was cut");
        }
        let body = self.ahead.drain(..length).collect();
        Some(Answer { status, headers, body })
    }

    /// The body of an answer that comes in chunks, to its end.
    pub(crate) async fn chunks(&mut self) -> Vec<u8> {
        let mut body = Vec::new();
        loop {
            let line = self.until("\r\n").await;
            let length = usize::from_str_radix(line.trim_end(), 16).expect("the length of a chunk");
            while self.ahead.len() < length + 2 {
                assert!(self.more().await, "the answer's body was cut");
            }
            body.extend(self.ahead.drain(..length));
            self.ahead.drain(..2);
            if length == 0 {
                return body;
            }
        }
    }

    /// The next answer, which must come.
    pub(crate) async fn expect(&mut self) -> Answer {
        self.answer().await.expect("an answer before the end")
    }

    /// Checks the status of an answer whose body does not come, and that the connection ends after it.
    pub(crate) async fn expect_head(&mut self, status: u16) {
        while self.more().await {}
        let text = String::from_utf8_lossy(&self.ahead);
        assert!(text.starts_with(&format!("HTTP/1.1 {status} ")), "{text}");
        assert!(text.ends_with("\r\n\r\n"), "{text}");
    }

    /// Everything up to `text` and with it, which must come.
    pub(crate) async fn until(&mut self, text: &str) -> String {
        loop {
            let mut places = self.ahead.windows(text.len());
            if let Some(at) = places.position(|part| part == text.as_bytes()) {
                let taken = self.ahead.drain(..at + text.len()).collect();
                return String::from_utf8(taken).expect("our answers are text");
            }
            let so_far = String::from_utf8_lossy(&self.ahead).into_owned();
            assert!(self.more().await, "{text:?} never came, only {so_far:?}");
        }
    }

    /// Everything up to the end of the connection, by a close or a reset.
    pub(crate) async fn read_to_end(&mut self) -> Vec<u8> {
        while self.more().await {}
        std::mem::take(&mut self.ahead)
    }

    /// Waits for the end of the connection; nothing may come before it.
    pub(crate) async fn expect_end(&mut self) {
        while self.more().await {}
        assert!(self.ahead.is_empty(), "more came: {:?}", String::from_utf8_lossy(&self.ahead));
    }

    /// Whether nothing has come so far.
    pub(crate) fn is_silent(&mut self) -> bool {
        let nothing = self.stream.try_read(&mut [0; 1]);
        self.ahead.is_empty()
            && nothing.is_err_and(|error| error.kind() == std::io::ErrorKind::WouldBlock)
    }

    /// Breaks the connection off: the other side sees a reset.
    pub(crate) fn reset(self) {
        self.stream.set_zero_linger().expect("a socket");
    }
}
