//! Signatures, over real HTTP, against a reading of the scheme of our own: whatever is changed in a signed request, it is
//! taken only if this reading takes it, too; what is signed well is always taken. Then keys are rotated by reload, and a
//! request is replayed after a kill.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use rand::RngExt;
use rand::rngs::SmallRng;

use crate::conservation::{self, Terms};
use crate::instance::{Instance, data, get};
use crate::ledger::{Answer, Ledger};
use crate::receiver::Receiver;
use crate::sender::{PATIENCE, Sender, event_of, now_millis, sign};
use crate::wire::{ask, statuses};

use super::{Context, Outcome, folder};

const KEY: &str = "canary-key-of-today-1";
const NEXT: &str = "canary-key-of-tomorrow-2";
/// Both ways.
const TOLERANCE: u64 = 300_000;
const LANES: u64 = 8;

pub async fn run(context: &Context) -> anyhow::Result<Outcome> {
    let mut outcome = Outcome::default();
    let ledger = Ledger::default();
    let receiver = Receiver::kind(&ledger).await?;
    let folder = folder(&rules(&receiver, &[KEY]))?;
    let mut instance = context.launch("signature", folder.path()).start().await?;
    let to = instance.listen;
    let mutants = context.pick(20_000, 1_000_000) / LANES;
    let lanes: Vec<_> = (0..LANES)
        .map(|lane| {
            let dice = context.dice(&format!("signature-{lane}"));
            tokio::spawn(mutate(Sender::new(&ledger), to, dice, (lane, mutants)))
        })
        .collect();
    let (mut asked, mut valid) = (0, 0);
    for lane in lanes {
        let done = lane.await?;
        asked += done.mutants;
        valid += done.valid;
        outcome.shortfalls.extend(done.wrong.into_iter().take(10));
    }
    let table = grammar(&mut Sender::new(&ledger), to, &mut outcome).await;
    rotation(&instance, folder.path(), &receiver, &ledger, &mut outcome).await?;

    let mut sender = Sender::new(&ledger);
    let body = event_of(9_000_001, 1);
    let header = line(&sign(KEY, &body, now_millis()));
    let first = sender.post(instance.listen, "/webhook", &header, &body).await;
    instance.kill().await?;
    let instance = context.launch("signature", folder.path()).start().await?;
    let again = sender.post(instance.listen, "/webhook", &header, &body).await;
    outcome.hold(
        matches!(first, Answer::Stored { duplicate: false, .. })
            && matches!(again, Answer::Stored { duplicate: true, .. }),
        || format!("a replay after SIGKILL was answered {again:?} after {first:?}"),
    );
    outcome.hold(instance.drained(Duration::from_secs(60)).await?, || {
        "deliveries still pending".to_owned()
    });
    instance.terminate(Duration::from_secs(10)).await?;
    let terms = Terms { targets: Some(vec!["crm"]), repeats_max: 8, ..Terms::default() };
    let (_, faults) = conservation::check(&ledger, &data(folder.path()), &terms)?;
    outcome.shortfalls.extend(faults);
    outcome.count = format!("{asked} mutants, {valid} valid requests, {table} rows of the grammar");
    Ok(outcome)
}

fn rules(receiver: &Receiver, keys: &[&str]) -> String {
    format!(
        "version: 1\nsources:\n  retell: {{ path: /webhook, verify: {{ retell: [{}], tolerance: 5m }} }}\n{}rules:\n  - name: all of it\n    to: [crm]\n",
        keys.join(", "),
        receiver.targets(&["crm"])
    )
}

fn line(value: &str) -> String {
    format!("x-retell-signature: {value}\r\n")
}

/// Our own reading: exactly `v=` and 13 digits that do not begin with 0, `,d=` and 64 lower-case hex digits, the digest
/// of this body and these digits, within the tolerance.
fn reads(key: &str, body: &[u8], value: &str, now: u64) -> bool {
    let Some((digits, hex)) = value.strip_prefix("v=").and_then(|rest| rest.split_once(",d="))
    else {
        return false;
    };
    let well_formed = digits.len() == 13
        && !digits.starts_with('0')
        && digits.bytes().all(|byte| byte.is_ascii_digit())
        && hex.len() == 64
        && hex.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    well_formed
        && digits
            .parse::<u64>()
            .is_ok_and(|at| at.abs_diff(now) <= TOLERANCE && sign(key, body, at) == value)
}

#[derive(Debug, Default)]
struct Done {
    mutants: u64,
    valid: u64,
    wrong: Vec<String>,
}

/// Sends mutants, and every so often the request that they were made of.
async fn mutate(
    mut sender: Sender,
    to: SocketAddr,
    mut dice: SmallRng,
    (lane, count): (u64, u64),
) -> Done {
    let mut done = Done::default();
    let mut steps = 0..;
    while done.mutants < count
        && let Some(step) = steps.next()
    {
        let body = event_of(lane * 10_000_000 + step, 1);
        let value = sign(KEY, &body, now_millis());
        if step % 16 == 0 {
            let answer = sender.post(to, "/webhook", &line(&value), &body).await;
            done.valid += 1;
            if !matches!(answer, Answer::Stored { .. }) {
                done.wrong.push(format!("FALSE REJECT: {answer:?}"));
            }
        }
        let (what, value, body) = mutant(&mut dice, value, body);
        // Nothing was changed, by chance.
        if reads(KEY, &body, &value, now_millis()) {
            continue;
        }
        let answer = sender.post(to, "/webhook", &line(&value), &body).await;
        done.mutants += 1;
        if !matches!(answer, Answer::Refused(400..=499)) {
            done.wrong.push(format!("FALSE ACCEPT: {what}: {answer:?}"));
        }
    }
    done
}

fn mutant(
    dice: &mut SmallRng,
    value: String,
    mut body: Vec<u8>,
) -> (&'static str, String, Vec<u8>) {
    let mut text = value.clone().into_bytes();
    let digest = 18..value.len();
    let what = match dice.random_range(0..10) {
        0 => {
            let at = dice.random_range(0..body.len());
            body[at] ^= 1 << dice.random_range(0..7);
            "a bit of the body"
        }
        1 => {
            let at = dice.random_range(digest);
            text[at] = b"0123456789abcdef"[dice.random_range(0..16)];
            "a digit of the digest"
        }
        2 => {
            let at = dice.random_range(2..15);
            text[at] = b'0' + dice.random_range(0..10_u8);
            "a digit of the time"
        }
        3 => {
            text.truncate(dice.random_range(0..text.len()));
            "cut short"
        }
        4 => {
            let at = dice.random_range(0..=text.len());
            text.insert(at, dice.random_range(0x21..0x7f));
            "a character more"
        }
        5 => {
            let shift = dice.random_range(1..13);
            body.extend_from_slice(&value.as_bytes()[2..2 + shift]);
            text.drain(2..2 + shift);
            "digits moved from the time to the body"
        }
        6 => {
            text = sign(&format!("{KEY}x"), &body, now_millis()).into_bytes();
            "another key"
        }
        7 => {
            let away = TOLERANCE + dice.random_range(2_000..1_000_000_000);
            let at = if dice.random() { now_millis() - away } else { now_millis() + away };
            text = sign(KEY, &body, at).into_bytes();
            "another time, signed well"
        }
        8 => {
            for byte in &mut text[18..] {
                *byte = b"0123456789abcdef"[dice.random_range(0..16)];
            }
            "another digest"
        }
        _ => {
            body.push(b' ');
            "a space after the body"
        }
    };
    (what, String::from_utf8(text).unwrap_or(value), body)
}

/// Every form that the scheme's grammar could be stretched to; returns how many.
async fn grammar(sender: &mut Sender, to: SocketAddr, outcome: &mut Outcome) -> usize {
    let body = event_of(8_000_000, 1);
    let now = now_millis();
    let good = sign(KEY, &body, now);
    let (time, digest) = good.split_once(',').expect("two fields");
    let hex = &digest[2..];
    let mut rows: Vec<(String, String)> = (0..64)
        .map(|length| (format!("{length} digits"), line(&format!("{time},d={}", &hex[..length]))))
        .collect();
    let mut row = |name: &str, value: String| rows.push((name.to_owned(), line(&value)));
    row("one digit more", format!("{good}0"));
    row("capitals", format!("{time},d={}", hex.to_uppercase()));
    row("the digest first", format!("{digest},{time}"));
    row("a space after the comma", format!("{time}, {digest}"));
    row("a semicolon", format!("{time};{digest}"));
    row("a field more", format!("{good},x=1"));
    row("a field before", format!("x=1,{good}"));
    row("a sign", good.replace("v=", "v=+"));
    row("a leading zero", good.replace("v=", "v=0"));
    row("a fraction", good.replacen(',', ".0,", 1));
    row("400 digits", format!("v={},{digest}", "1".repeat(400)));
    row("no digits", format!("v=,{digest}"));
    row("seconds", sign(KEY, &body, now / 1000));
    row("microseconds", sign(KEY, &body, now * 1000));
    row("the field twice", format!("{time},{digest},{digest}"));
    row("quotes", format!("\"{good}\""));
    row("only the digest", hex.to_owned());
    row("nothing", String::new());
    row("another scheme", format!("sha256={hex}"));
    row("5:01 ago", sign(KEY, &body, now - 301_000));
    row("5:01 ahead", sign(KEY, &body, now + 301_500));
    rows.push(("no header".to_owned(), String::new()));
    rows.push(("two headers".to_owned(), line(&good) + &line(&good)));
    rows.push(("two headers, one wrong".to_owned(), line("v=1,d=0") + &line(&good)));
    for (name, lines) in &rows {
        let answer = sender.post(to, "/webhook", lines, &body).await;
        outcome.hold(matches!(answer, Answer::Refused(400..=499)), || {
            format!("{name}: answered {answer:?}")
        });
    }
    for (number, (name, at)) in
        [("4:59 ago", now - 295_000), ("4:59 ahead", now + 299_000)].iter().enumerate()
    {
        let body = event_of(8_000_001 + number as u64, 1);
        let answer = sender.post(to, "/webhook", &line(&sign(KEY, &body, *at)), &body).await;
        outcome.hold(matches!(answer, Answer::Stored { .. }), || {
            format!("{name}: answered {answer:?}")
        });
    }
    // Nothing stands between body and time, so the digest is right for every cut between the two.
    for moved in 1..=13 {
        let longer = [&body[..], &time.as_bytes()[2..2 + moved]].concat();
        let shorter = line(&format!("v={},{digest}", &time[2 + moved..]));
        let answer = sender.post(to, "/webhook", &shorter, &longer).await;
        outcome.hold(matches!(answer, Answer::Refused(400..=499)), || {
            format!("{moved} digits of the time moved to the body: answered {answer:?}")
        });
        let at = body.len() - moved;
        let (kept, taken) = body.split_at(at);
        let more = format!("v={}{},{digest}", String::from_utf8_lossy(taken), &time[2..]);
        let answer = sender.post(to, "/webhook", &line(&more), kept).await;
        outcome.hold(matches!(answer, Answer::Refused(400..=499)), || {
            format!("{moved} bytes of the body moved to the time: answered {answer:?}")
        });
    }
    // Written anew with other spaces, the document is the same and the bytes are not.
    let spaced = String::from_utf8_lossy(&body).replace("\",\"", "\", \"").into_bytes();
    let answer = sender.post(to, "/webhook", &line(&good), &spaced).await;
    outcome.hold(matches!(answer, Answer::Refused(401)), || {
        format!("written anew: answered {answer:?}")
    });
    rows.len() + 2 * 13 + 3
}

/// Each set of keys, which of the two keys it takes, and what a reload makes of it.
async fn rotation(
    instance: &Instance,
    folder: &Path,
    receiver: &Receiver,
    ledger: &Ledger,
    outcome: &mut Outcome,
) -> anyhow::Result<()> {
    let mut sender = Sender::new(ledger);
    let mut number = 7_000_000;
    let other = "canary-key-of-nobody-3";
    for keys in [&[KEY][..], &[KEY, NEXT], &[NEXT, KEY], &[NEXT], &[other], &[KEY]] {
        std::fs::write(folder.join("rules.yaml"), rules(receiver, keys))?;
        let reload = "POST /-/reload HTTP/1.1\r\nhost: localhost\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
        let reloaded = statuses(&ask(instance.admin, reload.as_bytes(), PATIENCE).await?);
        outcome.hold(reloaded == [200], || format!("the reload was answered {reloaded:?}"));
        for key in [KEY, NEXT] {
            number += 1;
            let body = event_of(number, 1);
            let answer = sender
                .post(instance.listen, "/webhook", &line(&sign(key, &body, now_millis())), &body)
                .await;
            let taken = matches!(answer, Answer::Stored { .. });
            outcome.hold(taken == keys.contains(&key), || {
                let place = if key == KEY { "old" } else { "new" };
                format!("with {} keys the {place} one was answered {answer:?}", keys.len())
            });
        }
    }
    // The old key's removal is in force: the metrics still tell that it was refused, not why.
    let metrics = get(instance.admin, "/metrics").await?;
    outcome.hold(!metrics.contains("canary-key"), || "the metrics have a key".to_owned());
    Ok(())
}
