//! A target that follows a script: an HTTP server that answers each request as it is told, well or badly, and remembers it.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use hookswitch::tasks::Tasks;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// What the receiver does with one request.
#[derive(Debug, Clone)]
pub(crate) enum Reply {
    /// Answers with this status and nothing else.
    Status(u16),
    /// Writes these bytes as they are and closes.
    Raw(Vec<u8>),
    /// Writes these bytes one at a time, with a rest between, and closes.
    Drip(Vec<u8>, Duration),
    /// Never answers.
    Hang,
    /// Resets the connection once it has the request.
    Reset,
}

/// One request that the receiver got.
#[derive(Debug, Clone)]
pub(crate) struct Got {
    pub(crate) method: String,
    /// Path and query.
    pub(crate) path: String,
    /// Names in lower case.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Got {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

#[derive(Debug, Default)]
struct Plan {
    next: VecDeque<Reply>,
    got: Vec<Got>,
}

/// The server. It answers with the replies of its script in turn, and with 200 once they are used up.
#[derive(Debug, Clone)]
pub(crate) struct Receiver {
    address: SocketAddr,
    plan: Arc<Mutex<Plan>>,
}

impl Receiver {
    pub(crate) async fn start(tasks: &Tasks, script: impl IntoIterator<Item = Reply>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("it is bound");
        let plan =
            Arc::new(Mutex::new(Plan { next: script.into_iter().collect(), got: Vec::new() }));
        let receiver = Self { address, plan };
        let (serving, owner) = (receiver.clone(), tasks.clone());
        drop(tasks.piece("receiver", async move {
            while let Ok((stream, _)) = listener.accept().await {
                let serving = serving.clone();
                drop(owner.piece("receiver", async move { serving.serve(stream).await }));
            }
        }));
        receiver
    }

    /// Where it listens, with a path: `http://127.0.0.1:PORT/x`.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// What it got so far.
    pub(crate) fn got(&self) -> Vec<Got> {
        self.plan.lock().unwrap().got.clone()
    }

    /// Adds a reply to the script.
    pub(crate) fn then(&self, reply: Reply) {
        self.plan.lock().unwrap().next.push_back(reply);
    }

    async fn serve(&self, mut stream: TcpStream) {
        let mut ahead = Vec::new();
        while let Some(got) = request(&mut stream, &mut ahead).await {
            let reply = {
                let mut plan = self.plan.lock().unwrap();
                plan.got.push(got);
                plan.next.pop_front().unwrap_or(Reply::Status(200))
            };
            let kept = match reply {
                Reply::Status(status) => {
                    let head = format!("HTTP/1.1 {status} Scripted\r\ncontent-length: 0\r\n\r\n");
                    stream.write_all(head.as_bytes()).await.is_ok()
                }
                Reply::Raw(bytes) => {
                    drop(stream.write_all(&bytes).await);
                    false
                }
                Reply::Drip(bytes, rest) => {
                    for byte in bytes {
                        if stream.write_all(&[byte]).await.is_err() {
                            return;
                        }
                        tokio::time::sleep(rest).await;
                    }
                    false
                }
                Reply::Hang => std::future::pending().await,
                Reply::Reset => {
                    drop(stream.set_zero_linger());
                    false
                }
            };
            if !kept {
                return;
            }
        }
    }
}

/// The next request of a connection; none at its end.
async fn request(stream: &mut TcpStream, ahead: &mut Vec<u8>) -> Option<Got> {
    let head_end = loop {
        if let Some(at) = ahead.windows(4).position(|four| four == b"\r\n\r\n") {
            break at;
        }
        more(stream, ahead).await?;
    };
    let head: Vec<u8> = ahead.drain(..head_end + 4).collect();
    let head = String::from_utf8_lossy(&head).into_owned();
    let mut lines = head.trim_end().split("\r\n");
    let mut words = lines.next()?.split(' ');
    let (method, path) = (words.next()?.to_owned(), words.next()?.to_owned());
    let headers: Vec<(String, String)> = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
        .collect();
    let length = headers.iter().find(|(name, _)| name == "content-length");
    let length = length.map_or(0, |(_, value)| value.parse().unwrap_or(0));
    while ahead.len() < length {
        more(stream, ahead).await?;
    }
    Some(Got { method, path, headers, body: ahead.drain(..length).collect() })
}

async fn more(stream: &mut TcpStream, ahead: &mut Vec<u8>) -> Option<()> {
    stream.read_buf(ahead).await.ok().filter(|&count| count > 0).map(drop)
}

#[tokio::test]
async fn it_follows_its_script() {
    let tasks = Tasks::new();
    let raw = b"HTTP/1.1 418 x\r\ncontent-length: 2\r\n\r\nhi".to_vec();
    let script = [Reply::Status(503), Reply::Raw(raw.clone()), Reply::Reset];
    let receiver = Receiver::start(&tasks, script).await;
    receiver.then(Reply::Drip(raw, Duration::from_micros(1)));
    let mut statuses = Vec::new();
    for number in 0..5 {
        let mut wire = super::Wire::connect(receiver.address).await;
        wire.send(super::post("/x?a=b", "x-test: 1\r\n", &[b'a'; 3])).await;
        statuses.push(wire.answer().await.map(|answer| answer.status));
        assert_eq!(receiver.got().len(), number + 1);
    }
    assert_eq!(statuses, [Some(503), Some(418), None, Some(418), Some(200)]);
    let got = receiver.got().swap_remove(0);
    assert_eq!((got.method.as_str(), got.path.as_str()), ("POST", "/x?a=b"));
    assert_eq!((got.header("x-test"), got.body.as_slice()), (Some("1"), &b"aaa"[..]));
    assert!(receiver.url("/y").ends_with("/y"));

    receiver.then(Reply::Hang);
    let mut wire = super::Wire::connect(receiver.address).await;
    wire.send(super::post("/", "", b"")).await;
    super::eventually("the request that hangs", || async {
        (receiver.got().len() == 6).then_some(())
    })
    .await;
    assert!(wire.is_silent());
    assert!(!tasks.stop(Duration::ZERO).await);
}
