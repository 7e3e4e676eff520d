//! Retries are polite and complete. A target that asks for time is left alone until then, whole; one that closes the
//! connection instead of answering, as a server does that ends an idle connection just as it is used again, gets the
//! same delivery under the same id, with the next number.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use crate::conservation::{self, Terms};
use crate::instance::data;
use crate::ledger::Ledger;
use crate::receiver::{Receiver, Reply};
use crate::sender::{Load, event};

use super::{Context, Outcome, folder};

const TARGETS: [&str; 3] = ["patient", "limited", "hasty"];
/// How long the first two ask to be left alone each time, and how often in a run.
const REST: Duration = Duration::from_secs(2);
/// The wait may be cut by no more than what the clocks of two processes differ on one machine.
const SLACK: Duration = Duration::from_millis(50);

pub async fn run(context: &Context) -> anyhow::Result<Outcome> {
    let mut outcome = Outcome::default();
    let ledger = Ledger::default();
    let rests = context.pick(2, 20);
    let asked = Mutex::new([(0, None::<Instant>), (0, None)]);
    let early = std::sync::Arc::new(Mutex::new(Vec::new()));
    let told = std::sync::Arc::clone(&early);
    let receiver = Receiver::start(&ledger, move |got| {
        let place = match got.target {
            "patient" => 0,
            "limited" => 1,
            // Every third request meets a connection that is just closing.
            _ if got.attempt == 1 && got.id.bytes().fold(0_u8, u8::wrapping_add) % 3 == 0 => {
                return Reply::Drop;
            }
            _ => return Reply::Status(200),
        };
        let mut asked = asked.lock().expect("nothing panics here");
        let (count, since) = &mut asked[place];
        if let Some(rested) = since.map(|since| since.elapsed())
            && rested < REST
        {
            // What was on its way when the rest was asked for may still arrive.
            if rested > SLACK && rested < REST - SLACK {
                told.lock().expect("nothing panics here").push(format!(
                    "{} got a request {rested:?} after it asked for 2 s",
                    got.target
                ));
            }
            return Reply::Status(503);
        }
        *since = None;
        if *count < rests && got.attempt == 1 {
            *count += 1;
            *since = Some(Instant::now());
            return if place == 0 {
                Reply::With(503, "retry-after: 2\r\n")
            } else {
                Reply::With(429, "retry-after: 2\r\n")
            };
        }
        Reply::Status(200)
    })
    .await?;
    let folder = folder(&receiver.rules("", &TARGETS))?;
    let instance = context.launch("retry", folder.path()).start().await?;
    let load = Load::start(&ledger, instance.listen, (8, Duration::from_millis(40)), 0, event);
    tokio::time::sleep((REST + Duration::from_millis(300)) * rests).await;
    load.stop().await;
    outcome.hold(instance.drained(Duration::from_secs(60)).await?, || {
        "deliveries still pending".to_owned()
    });
    instance.terminate(Duration::from_secs(10)).await?;
    outcome.shortfalls.extend(early.lock().expect("nothing panics here").drain(..).take(5));
    let terms = Terms { targets: Some(TARGETS.to_vec()), ..Terms::default() };
    let (stored, faults) = conservation::check(&ledger, &data(folder.path()), &terms)?;
    outcome.shortfalls.extend(faults);
    let books = ledger.books();
    let mut again = 0;
    for ((target, id), receipts) in &books.received {
        let counted = receipts.iter().zip(1..).all(|(receipt, number)| receipt.attempt == number);
        outcome.hold(counted, || format!("{target} got {id} with attempts out of order"));
        again += receipts.len() as u64 - 1;
    }
    outcome.hold(again > 0, || "nothing was tried again: no load".to_owned());
    outcome.count = format!(
        "{} deliveries, {again} of them again, {rests} rests each of two targets",
        stored.planned()
    );
    Ok(outcome)
}
