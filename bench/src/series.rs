//! A series: every measurement, one after the other and round by round, so that what the machine does meanwhile hits all of
//! them alike.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::cell::{Cell, Routing, Sample};
use crate::extra::{self, Footprint, Reload};
use crate::system::{Programs, System};

/// How much is measured.
#[derive(Debug, Clone, Copy)]
pub struct Extent {
    pub quick: bool,
    pub rounds: u32,
    /// How long each measurement sends.
    pub length: Duration,
}

/// Everything that was measured.
#[derive(Debug, Default)]
pub struct Series {
    /// By name of the cell, in order of the rounds.
    pub samples: BTreeMap<String, Vec<Sample>>,
    /// What they are, in the order in which they were measured.
    pub cells: Vec<Cell>,
    pub idle: Vec<Footprint>,
    pub backlog: Vec<Footprint>,
    pub reload: Vec<Reload>,
    /// Size of the binary, in bytes.
    pub binary: f64,
}

/// The pending deliveries of a dead target.
pub const BACKLOG: u64 = 1_000_000;
pub const KB: usize = 1 << 10;

/// What is measured flat out.
pub fn cells(extent: Extent, programs: &Programs, peers: &[System]) -> Vec<Cell> {
    let sizes: &[usize] =
        if extent.quick { &[KB, 80 * KB] } else { &[KB, 16 * KB, 80 * KB, 1 << 20] };
    let mut systems = vec![System::Bare, System::Memory, System::Shipped];
    if programs.express.is_some() {
        systems.push(System::ExpressFirst);
        if !extent.quick {
            systems.push(System::ExpressAwait);
        }
    }
    systems.extend_from_slice(peers);
    let mut cells = Vec::new();
    for size in sizes {
        cells.extend(systems.iter().map(|system| Cell::new(system.clone(), *size)));
    }
    let shipped = Cell::new(System::Shipped, KB);
    cells.push(Cell { targets: 0, ..shipped.clone() });
    if extent.quick {
        return cells;
    }
    for targets in [1, 8] {
        cells.push(Cell { targets, ..shipped.clone() });
    }
    for targets in [0, 1, 2, 8] {
        cells.push(Cell { targets, signed: false, ..shipped.clone() });
    }
    for routing in [
        Routing::Rules(1_000),
        Routing::Rules(12_000),
        Routing::Spread(5),
        Routing::Spread(50),
        Routing::Spread(500),
    ] {
        let targets = if matches!(routing, Routing::Spread(_)) { 1 } else { shipped.targets };
        cells.push(Cell { routing, targets, ..shipped.clone() });
    }
    cells.push(Cell { backlog: BACKLOG, ..shipped.clone() });
    cells.push(Cell { signed: false, ..Cell::new(System::Shipped, 5 << 20) });
    cells
}

impl Series {
    /// Measures everything; tells how it goes on standard error.
    pub async fn run(
        extent: Extent,
        programs: &Programs,
        peers: &[System],
    ) -> anyhow::Result<Self> {
        let mut series = Self { binary: extra::size(&programs.hookswitch)?, ..Self::default() };
        let flat = cells(extent, programs, peers);
        for round in 1..=extent.rounds {
            for cell in &flat {
                series.measure(cell.clone(), programs, extent, round).await?;
            }
            // Flat out it accepts more than it can deliver at the time. The highest rate is the one that deliveries keep up with.
            let highest =
                series.sample(&Cell::new(System::Shipped, KB)).map_or(0.0, |last| last.delivered);
            let half = Cell { rate: Some(highest / 2.0), ..Cell::new(System::Shipped, KB) };
            series.measure(half, programs, extent, round).await?;
            eprintln!("round {round}: idle, backlog, reload");
            series.idle.push(extra::footprint(programs, 0).await?);
            series.reload.push(extra::reload(programs).await?);
            if !extent.quick {
                series.backlog.push(extra::footprint(programs, BACKLOG).await?);
            }
        }
        Ok(series)
    }

    /// Measures one cell once.
    pub async fn measure(
        &mut self,
        cell: Cell,
        programs: &Programs,
        extent: Extent,
        round: u32,
    ) -> anyhow::Result<()> {
        let name = cell.name();
        let sample = cell.measure(programs, extent.length).await?;
        let void = sample.void.as_ref().map_or(String::new(), |why| format!(" VOID: {why}"));
        eprintln!(
            "round {round}: {name}: {:.0}/s accepted, {:.0}/s delivered, {:.0} us CPU, p50 {:.1} ms, p99 {:.1} ms, commit {:.2} ms, {:.0} MB, {} refused, {} repeated{void}",
            sample.accepted,
            sample.delivered,
            sample.cpu,
            sample.answer[0] / 1e3,
            sample.answer[1] / 1e3,
            sample.commit / 1e3,
            sample.peak / 1e6,
            sample.refused,
            sample.repeated,
        );
        if !self.cells.iter().any(|known| known.name() == name) {
            self.cells.push(cell);
        }
        self.samples.entry(name).or_default().push(sample);
        Ok(())
    }

    /// The last sample of a cell.
    fn sample(&self, cell: &Cell) -> Option<&Sample> {
        self.samples.get(&cell.name())?.last()
    }

    /// The median of a number over the rounds.
    pub fn median(&self, cell: &Cell, of: impl Fn(&Sample) -> f64) -> Option<f64> {
        let samples = self.samples.get(&cell.name())?;
        Some(spread(samples.iter().map(of))[1])
    }

    /// The runs that count for nothing, with the reason.
    pub fn void(&self) -> Vec<String> {
        let of_cell = |(name, samples): (&String, &Vec<Sample>)| {
            let whys = samples.iter().filter_map(|sample| sample.void.clone());
            whys.map(|why| format!("{name}: {why}")).collect::<Vec<_>>()
        };
        let reloads = self.reload.iter().filter_map(|reload| reload.void.clone());
        self.samples.iter().flat_map(of_cell).chain(reloads).collect()
    }
}

/// The least, the median and the most.
pub fn spread(values: impl IntoIterator<Item = f64>) -> [f64; 3] {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_unstable_by(f64::total_cmp);
    match values[..] {
        [] => [f64::NAN; 3],
        [first, .., last] => [first, values[values.len() / 2], last],
        [one] => [one; 3],
    }
}
