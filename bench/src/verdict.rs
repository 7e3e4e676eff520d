//! The numbers that are promised, each as a ratio within one series, and whether they were reached.

use crate::cell::{Cell, Routing, Sample};
use crate::series::{BACKLOG, KB, Series, spread};
use crate::system::System;

/// So many times worse than promised is broken. Where system calls are cheap, a bare server gains more than one with a disk: the same
/// binary came to 0.31 beside bare hyper on one machine and to 0.24 on another.
const BROKEN: f64 = 3.0;

#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Bound {
    AtLeast(f64),
    AtMost(f64),
}

/// One promised number.
#[derive(Debug)]
pub struct Verdict {
    pub what: String,
    pub bound: Bound,
    /// With its unit, if it is no ratio.
    pub unit: &'static str,
    pub measured: f64,
    /// Whether one short run can tell. It cannot tell a p99, nor what is accepted beyond what is delivered.
    firm: bool,
}

impl Verdict {
    pub fn is_met(&self) -> bool {
        match self.bound {
            Bound::AtLeast(least) => self.measured >= least,
            Bound::AtMost(most) => self.measured <= most,
        }
    }

    /// Whether it is so far off that something is broken, and not only slower than hoped or on another machine.
    pub fn is_broken(&self) -> bool {
        let far = match self.bound {
            Bound::AtLeast(least) => self.measured < least / BROKEN,
            Bound::AtMost(most) => self.measured > most * BROKEN,
        };
        self.firm && far
    }
}

/// All of them that this series can tell of.
pub fn verdicts(series: &Series) -> Vec<Verdict> {
    let mut verdicts = Vec::new();
    let mut tell = |what: &str, bound, unit, measured: Option<f64>| {
        if let Some(measured) = measured.filter(|number| number.is_finite()) {
            let firm = !what.starts_with("p99") && !what.starts_with("flat out");
            verdicts.push(Verdict { what: what.to_owned(), bound, unit, measured, firm });
        }
    };
    let ratio = |above: &Cell, below: &Cell, of: fn(&Sample) -> f64| {
        Some(series.median(above, of)? / series.median(below, of)?)
    };
    let accepted = |sample: &Sample| sample.accepted;
    let delivered = |sample: &Sample| sample.delivered;
    let cpu = |sample: &Sample| sample.cpu;
    let cell = |system: System, size: usize| Cell::new(system, size);
    let shipped = cell(System::Shipped, KB);

    // Flat out, and without a disk above all, events are accepted faster than they are delivered, and pile up. What can go on
    // for ever is the rate at which they are accepted and delivered.
    for (size, least) in [(KB, 0.95), (16 * KB, 0.85), (80 * KB, 0.75)] {
        let of = [
            ("events/s accepted and delivered to 2 targets", delivered as fn(&Sample) -> f64),
            ("flat out, accepted events/s beside 2 targets", accepted),
        ];
        for (what, of) in of {
            tell(
                &format!("{what} ÷ the same without a disk, {} KB", size / KB),
                Bound::AtLeast(least),
                "",
                ratio(&cell(System::Shipped, size), &cell(System::Memory, size), of),
            );
        }
    }
    tell(
        "accepted events/s, stored and routed to nobody ÷ bare hyper, 1 KB",
        Bound::AtLeast(0.5),
        "",
        ratio(&Cell { targets: 0, ..shipped.clone() }, &cell(System::Bare, KB), accepted),
    );
    for (size, least) in [(KB, 8.0), (80 * KB, 3.0)] {
        tell(
            &format!("delivered events/s ÷ Express answering first, {} KB", size / KB),
            Bound::AtLeast(least),
            "",
            ratio(&cell(System::Shipped, size), &cell(System::ExpressFirst, size), delivered),
        );
    }
    tell(
        "CPU of an event, verified, stored and delivered twice ÷ CPU of a request to bare hyper, 1 KB",
        Bound::AtMost(8.0),
        "",
        ratio(&shipped, &cell(System::Bare, KB), cpu),
    );
    let half = Cell { rate: Some(1.0), ..shipped.clone() };
    tell(
        "p99 of the answer at half the rate that deliveries keep up with ÷ the median commit",
        Bound::AtMost(3.0),
        "",
        series.median(&half, |sample| sample.answer[1] / sample.commit),
    );
    tell(
        "events/s delivered to healthy targets with 1,000,000 deliveries pending for a dead one ÷ without",
        Bound::AtLeast(0.95),
        "",
        ratio(&Cell { backlog: BACKLOG, ..shipped.clone() }, &shipped, delivered),
    );
    let spread_over =
        |targets| Cell { routing: Routing::Spread(targets), targets: 1, ..shipped.clone() };
    tell(
        "accepted events/s with 500 targets ÷ with 5, one delivery each",
        Bound::AtLeast(0.9),
        "",
        ratio(&spread_over(500), &spread_over(5), accepted),
    );
    tell(
        "accepted events/s with 12,000 rules, as many as a file can hold, ÷ with 10",
        Bound::AtLeast(0.9),
        "",
        ratio(&Cell { routing: Routing::Rules(12_000), ..shipped.clone() }, &shipped, accepted),
    );
    let reload = |of: fn(&crate::extra::Reload) -> f64| {
        (!series.reload.is_empty()).then(|| spread(series.reload.iter().map(of))[1])
    };
    tell(
        "a reload of 10,000 rules at 5,000 events/s, from asking for it until it is in force",
        Bound::AtMost(300.0),
        "ms",
        reload(|reload| reload.took),
    );
    tell(
        "p99 of the answer in the second of that reload ÷ before",
        Bound::AtMost(2.0),
        "",
        reload(|reload| reload.p99[1] / reload.p99[0]),
    );
    let idle = |of: fn(&crate::extra::Footprint) -> f64| {
        (!series.idle.is_empty()).then(|| spread(series.idle.iter().map(of))[1])
    };
    let peak = |cell: &Cell| series.median(cell, |sample| sample.peak / 1e6);
    tell("memory, idle", Bound::AtMost(15.0), "MB", idle(|idle| idle.resident / 1e6));
    tell("memory, 64 senders of 1 KB flat out", Bound::AtMost(60.0), "MB", peak(&shipped));
    tell(
        "memory, 64 senders of 5 MB at once: 1.5 × `limits.body_memory` of 256 MiB, and the rest of the program",
        Bound::AtMost(495.0),
        "MB",
        peak(&Cell { signed: false, ..cell(System::Shipped, 5 << 20) }),
    );
    tell("from exec to ready, empty store", Bound::AtMost(40.0), "ms", idle(|idle| idle.ready));
    tell("release binary", Bound::AtMost(20.0), "MB", Some(series.binary / 1e6));
    verdicts
}
