//! Which rules can match an event at all: an index over each rule's most selective equality.
//!
//! Every way in which a rule demands something of a field is a set of keys of which an event must have one: the constants
//! of an equality, or the field itself, for a test that wants any value. Of `all` each part will do, of `any` every part
//! must have one. A rule is entered under the set that the fewest rules share; one without any is looked at always.
//!
//! A key is a hash of field and value, made with fixed keys. Two that collide, by accident or on purpose, make a candidate
//! too many, which its condition then refuses: the index never decides.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, DefaultHasher, Hash, Hasher};

use super::matcher::Condition;
use super::test::Equality;
use crate::event::{FieldId, Fields, Value};

/// The hash of a field and a value.
type Key = u64;

/// One set of keys of which an event must have one.
struct Access {
    keys: Vec<Key>,
    /// Whether it stands for a field with any value, which says less than any equality.
    presence: bool,
}

/// What is entered for one field.
#[expect(clippy::struct_excessive_bools, reason = "three independent marks")]
#[derive(Debug, Clone, Copy, Default)]
struct Entered {
    values: bool,
    folded: bool,
    presence: bool,
}

/// Rules by what an event must have for them. Rules are numbers in file order.
#[derive(Debug, Default)]
pub(super) struct Index {
    /// By field.
    entered: Vec<Entered>,
    /// Where in `lists` the rules of a key stand.
    places: HashMap<Key, (u32, u32), BuildHasherDefault<Ready>>,
    /// Rules, key by key, each key's in file order.
    lists: Vec<u32>,
    /// Rules that are always looked at, in file order.
    always: Vec<u32>,
}

/// A hasher for keys that are hashes already.
#[derive(Debug, Default, Clone, Copy)]
struct Ready(u64);

impl Hasher for Ready {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        self.0 = bytes.iter().fold(self.0, |hash, byte| hash.rotate_left(8) ^ u64::from(*byte));
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }
}

fn key(field: FieldId, value: Option<Equality<'_>>) -> Key {
    let mut hasher = DefaultHasher::new();
    field.hash(&mut hasher);
    match value {
        None => 0_u8.hash(&mut hasher),
        Some(Equality::Null) => 1_u8.hash(&mut hasher),
        Some(Equality::Bool(truth)) => (2_u8, truth).hash(&mut hasher),
        // Numbers that are equal are equal as doubles; of zero there are two.
        Some(Equality::Number(number)) => {
            (3_u8, (number.as_f64() + 0.0).to_bits()).hash(&mut hasher);
        }
        Some(Equality::Plain(text)) => (4_u8, text).hash(&mut hasher),
        Some(Equality::Folded(text)) => (5_u8, text).hash(&mut hasher),
    }
    hasher.finish()
}

impl Index {
    /// Enters rules: for each its number, and its condition if it has one.
    pub(super) fn new<'c>(
        rules: impl IntoIterator<Item = (u32, Option<&'c Condition>)>,
        field_count: usize,
    ) -> Self {
        let mut index = Self { entered: vec![Entered::default(); field_count], ..Self::default() };
        let mut counts: HashMap<Key, u32, BuildHasherDefault<Ready>> = HashMap::default();
        let mut open = Vec::new();
        for (rule, condition) in rules {
            let ways = condition.map(|condition| index.ways(condition)).unwrap_or_default();
            for key in ways.iter().flat_map(|way| &way.keys) {
                *counts.entry(*key).or_default() += 1;
            }
            if ways.is_empty() {
                index.always.push(rule);
            } else {
                open.push((rule, ways));
            }
        }
        let shared = |way: &Access| -> u64 {
            way.keys.iter().map(|key| u64::from(counts.get(key).copied().unwrap_or_default())).sum()
        };
        let mut entries: Vec<(Key, u32)> = Vec::new();
        for (rule, ways) in open {
            let best = ways.into_iter().min_by_key(|way| (way.presence, shared(way)));
            entries.extend(best.into_iter().flat_map(|way| way.keys).map(|key| (key, rule)));
        }
        entries.sort_unstable();
        entries.dedup();
        for (key, rule) in entries {
            let end = u32::try_from(index.lists.len())
                .expect("fewer entries than a configuration has bytes");
            index.places.entry(key).or_insert((end, end)).1 = end + 1;
            index.lists.push(rule);
        }
        index
    }

    /// Every set of keys of which an event must have one for `condition` to hold.
    fn ways(&mut self, condition: &Condition) -> Vec<Access> {
        match condition {
            Condition::Test(field, test) => {
                let Some(entered) = self.entered.get_mut(field.0 as usize) else {
                    return Vec::new();
                };
                if let Some(equalities) = test.equalities() {
                    let folds = |equality: &Equality<'_>| matches!(equality, Equality::Folded(_));
                    entered.folded |= equalities.iter().any(folds);
                    entered.values |= !equalities.iter().all(folds);
                    let keys = equalities.into_iter().map(|value| key(*field, Some(value)));
                    vec![Access { keys: keys.collect(), presence: false }]
                } else if test.wants_a_value() {
                    entered.presence = true;
                    vec![Access { keys: vec![key(*field, None)], presence: true }]
                } else {
                    Vec::new()
                }
            }
            Condition::All(parts) => parts.iter().flat_map(|part| self.ways(part)).collect(),
            Condition::Any(parts) => {
                let mut union = Access { keys: Vec::new(), presence: false };
                for part in parts {
                    // How many rules share a key is not known yet; the shortest set is a fair guess.
                    let ways = self.ways(part).into_iter();
                    let Some(way) = ways.min_by_key(|way| (way.presence, way.keys.len())) else {
                        return Vec::new();
                    };
                    union.keys.extend(way.keys);
                    union.presence |= way.presence;
                }
                vec![union]
            }
            Condition::Not(_) => Vec::new(),
        }
    }

    /// The rules that can match, in file order, each once.
    pub(super) fn candidates(&self, fields: &Fields) -> Vec<u32> {
        let mut found: Vec<u32> = Vec::new();
        for (field, values) in fields.iter() {
            let entered = self.entered.get(field.0 as usize).copied().unwrap_or_default();
            if entered.presence {
                found.extend(self.list(key(field, None)));
            }
            if !entered.values && !entered.folded {
                continue;
            }
            for value in values.iter() {
                let (value, folded) = match value {
                    Value::Null => (Equality::Null, None),
                    Value::Bool(truth) => (Equality::Bool(truth), None),
                    Value::Number(number, _) => (Equality::Number(number), None),
                    Value::Text(text) => {
                        (Equality::Plain(text.plain), Some(Equality::Folded(text.folded)))
                    }
                    Value::Array(_) | Value::Object => continue,
                };
                if entered.values {
                    found.extend(self.list(key(field, Some(value))));
                }
                if let Some(folded) = folded.filter(|_| entered.folded) {
                    found.extend(self.list(key(field, Some(folded))));
                }
            }
        }
        found.extend(&self.always);
        found.sort_unstable();
        found.dedup();
        found
    }

    fn list(&self, key: Key) -> &[u32] {
        let place = self.places.get(&key).copied();
        place
            .and_then(|(start, end)| self.lists.get(start as usize..end as usize))
            .unwrap_or_default()
    }
}
