//! What a run of events has in it, so that whoever looks for something rare can pass over the run.
//!
//! A listing filters by agent, call, rule, target and more. An index over any of these would be written at a random place for
//! each event, which costs a page of the log in every commit. Instead each [`BLOCK`] of consecutive events has one row with the
//! span of their times and a Bloom filter of their words: 4 KiB, written once, in the transaction of the block's last event.
//! Until then it is gathered in memory. A word that is not in the filter is in none of the events; one that is may be.
//!
//! Promises: a row is never less than what its events have, whatever a transaction that was taken back has left in it, and a
//! replay adds its target. A block without a row (the current one, and those of an earlier format until [`summarise`] comes to
//! them) is looked through. What may change in any other way, as the state of a delivery, is no word.

use rusqlite::{Connection, OptionalExtension};

use crate::name::{RuleName, TargetName};

use super::row::{EVENT, EventRow};
use super::work::deliveries_of;

/// Events of a block.
pub(super) const BLOCK: i64 = 1_024;
/// Bytes of its filter: 16 bits for each of two words per event, which passes one block in a thousand for nothing. Three times as
/// many words still pass only one in twelve.
const BYTES: usize = 4_096;
const BITS: u64 = 8 * BYTES as u64;
/// Bits that a word sets.
const PROBES: u64 = 6;

/// Something that an event has, hashed. The form on disk: it must stay as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Word(u64);

impl Word {
    pub(super) fn name(text: &str) -> Self {
        Self::new(b'n', text)
    }

    pub(super) fn agent(text: &str) -> Self {
        Self::new(b'a', text)
    }

    pub(super) fn subject(text: &str) -> Self {
        Self::new(b'c', text)
    }

    /// A rule that matched, whether it sends or only watches.
    pub(super) fn rule(text: &str) -> Self {
        Self::new(b'r', text)
    }

    /// A target that the event has a delivery to.
    pub(super) fn target(text: &str) -> Self {
        Self::new(b't', text)
    }

    /// The state of the event itself, by its number on disk.
    pub(super) fn state(number: i64) -> Self {
        Self::new(b's', &number.to_string())
    }

    /// FNV-1a, and the end of splitmix64 to spread it.
    fn new(kind: u8, text: &str) -> Self {
        let mut hash = 0xcbf2_9ce4_8422_2325_u64;
        for byte in std::iter::once(kind).chain(text.bytes()) {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
        hash = (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        hash = (hash ^ (hash >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        Self(hash ^ (hash >> 31))
    }

    /// The bits that stand for it.
    fn places(self) -> impl Iterator<Item = usize> {
        let (low, high) = (self.0 & 0xffff_ffff, self.0 >> 32 | 1);
        (0..PROBES).map(move |probe| {
            let place = (low + probe * high) % BITS;
            usize::try_from(place).unwrap_or(0)
        })
    }
}

/// The words of a row, but for its state and its targets.
pub(super) fn words_of(row: &EventRow, rules: &[RuleName], shadow: &[RuleName]) -> Vec<Word> {
    let parts = [
        row.name.as_deref().map(Word::name),
        row.agent.as_deref().map(Word::agent),
        row.subject.as_deref().map(Word::subject),
    ];
    let rules = rules.iter().chain(shadow).map(|rule| Word::rule(rule.as_str()));
    parts.into_iter().flatten().chain(rules).collect()
}

/// What a block has in it.
#[derive(Debug)]
pub(super) struct Block {
    number: i64,
    first_at: i64,
    last_at: i64,
    words: Box<[u8]>,
}

/// The block that the event at that place is in.
pub(super) fn number_of(seq: i64) -> i64 {
    seq.div_euclid(BLOCK)
}

impl Block {
    fn empty(number: i64) -> Self {
        Self { number, first_at: i64::MAX, last_at: i64::MIN, words: vec![0; BYTES].into() }
    }

    /// The block as it is on disk, from its events before `end`.
    fn load(sql: &Connection, number: i64, end: i64) -> rusqlite::Result<Self> {
        let mut block = Self::empty(number);
        let query =
            format!("SELECT {EVENT} FROM events e WHERE e.seq >= ?1 AND e.seq < ?2 ORDER BY e.seq");
        let mut select = sql.prepare_cached(&query)?;
        let mut target = sql.prepare_cached("SELECT name FROM targets WHERE id = ?1")?;
        for row in select.query_map([number * BLOCK, end], EventRow::read)? {
            let row = row?;
            // Names that cannot be read are damage, and the event is not listed either.
            let (rules, shadow) = row.all_rules().unwrap_or_default();
            block.add(row.at, &words_of(&row, &rules, &shadow));
            block.put(&[Word::state(row.state)]);
            for delivery in deliveries_of(sql, row.span())? {
                let name = target.query_row([delivery.target], |row| row.get::<_, String>(0));
                if let Some(name) = name.optional()? {
                    block.put(&[Word::target(&name)]);
                }
            }
        }
        Ok(block)
    }

    fn add(&mut self, at: i64, words: &[Word]) {
        (self.first_at, self.last_at) = (self.first_at.min(at), self.last_at.max(at));
        self.put(words);
    }

    fn put(&mut self, words: &[Word]) {
        for place in words.iter().flat_map(|word| word.places()) {
            if let Some(byte) = self.words.get_mut(place / 8) {
                *byte |= 1 << (place % 8);
            }
        }
    }

    fn write(&self, sql: &Connection) -> rusqlite::Result<()> {
        let query = "INSERT OR REPLACE INTO blocks (number, first_at, last_at, words) VALUES (?1, ?2, ?3, ?4)";
        sql.prepare_cached(query)?.execute((
            self.number,
            self.first_at,
            self.last_at,
            &*self.words,
        ))?;
        Ok(())
    }
}

/// Whether a block's filter may have all of these words.
pub(super) fn may_have(filter: &[u8], words: &[Word]) -> bool {
    words
        .iter()
        .flat_map(|word| word.places())
        .all(|place| filter.get(place / 8).is_some_and(|byte| byte & (1 << (place % 8)) != 0))
}

/// The block that is being filled. It is read from the disk when it is not known: at the beginning, and after a transaction was
/// taken back that may have been at another block.
#[derive(Debug, Default)]
pub(super) struct Current(Option<Block>);

impl Current {
    /// What is known may not be so.
    pub(super) fn forget(&mut self) {
        self.0 = None;
    }

    /// Takes in the event at `seq`, which comes behind all others, and writes the block if it is whole.
    pub(super) fn add(
        &mut self,
        sql: &Connection,
        (seq, at): (i64, i64),
        words: &[Word],
        state: Word,
    ) -> rusqlite::Result<()> {
        let number = number_of(seq);
        let block = match self.0.take() {
            Some(block) if block.number == number => self.0.insert(block),
            other => {
                // It ended without its last event: ids can jump over one.
                if let Some(block) = other {
                    block.write(sql)?;
                }
                self.0.insert(Block::load(sql, number, seq)?)
            }
        };
        block.add(at, words);
        block.put(&[state]);
        if number_of(seq + 1) != number {
            block.write(sql)?;
            self.0 = Some(Block::empty(number + 1));
        }
        Ok(())
    }

    /// A delivery of the event at `seq` to another target.
    pub(super) fn add_target(
        &mut self,
        sql: &Connection,
        seq: i64,
        target: &TargetName,
    ) -> rusqlite::Result<()> {
        let (number, words) = (number_of(seq), [Word::target(target.as_str())]);
        if let Some(block) = self.0.as_mut().filter(|block| block.number == number) {
            block.put(&words);
        }
        let query = "SELECT first_at, last_at, words FROM blocks WHERE number = ?1";
        let read = |row: &rusqlite::Row<'_>| {
            let words: Vec<u8> = row.get(2)?;
            Ok(Block { number, first_at: row.get(0)?, last_at: row.get(1)?, words: words.into() })
        };
        let known = sql.prepare_cached(query)?.query_row([number], read).optional()?;
        if let Some(mut block) = known
            && !may_have(&block.words, &words)
        {
            block.put(&words);
            block.write(sql)?;
        }
        Ok(())
    }
}

/// Writes the newest row that is missing at or below block `from`. Returns where to go on; nothing once none is missing.
pub(super) fn summarise(sql: &Connection, from: i64) -> rusqlite::Result<Option<i64>> {
    let mut from = from;
    for _ in 0..BLOCK {
        let query = "SELECT max(seq) FROM events WHERE seq < ?1";
        let newest: Option<i64> =
            sql.prepare_cached(query)?.query_row([(from + 1) * BLOCK], |row| row.get(0))?;
        let Some(newest) = newest else { return Ok(None) };
        from = from.min(number_of(newest));
        let mut known = sql.prepare_cached("SELECT 1 FROM blocks WHERE number = ?1")?;
        if !known.exists([from])? {
            Block::load(sql, from, (from + 1) * BLOCK)?.write(sql)?;
            return Ok(Some(from - 1));
        }
        from -= 1;
    }
    Ok(Some(from))
}

/// Removes the rows of blocks from `first` to `last` that have no events any more.
pub(super) fn forget_empty(sql: &Connection, first: i64, last: i64) -> rusqlite::Result<()> {
    let query = format!(
        "DELETE FROM blocks WHERE number >= ?1 AND number <= ?2 AND NOT EXISTS \
         (SELECT 1 FROM events WHERE seq >= number * {BLOCK} AND seq < (number + 1) * {BLOCK})"
    );
    sql.prepare_cached(&query)?.execute([first, last])?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_put_in_is_found_and_little_else_is() {
        let mut block = Block::empty(0);
        let words: Vec<_> = (0..2_048).map(|n| Word::subject(&format!("call_{n}"))).collect();
        block.put(&words);
        assert!(words.iter().all(|word| may_have(&block.words, &[*word])));
        assert!(may_have(&block.words, &words));
        let strange = (0..100_000).map(|n| Word::subject(&format!("call_x{n}")));
        let passed = strange.filter(|word| may_have(&block.words, &[*word])).count();
        assert!((1..400).contains(&passed), "{passed} of 100,000 strangers pass");
        assert!(!may_have(&block.words, &[words[0], Word::agent("call_0")]));
    }

    /// What is on disk is asked for by later versions.
    #[test]
    fn words_stay_as_they_are() {
        let places: Vec<_> = Word::agent("agent_1").places().collect();
        assert_eq!(places, [15_533, 29_034, 9_767, 23_268, 4_001, 17_502]);
    }
}
