use super::*;
use proptest::prelude::*;
use serde::Deserialize;

const KEY: &str = "key_fixture_only_not_a_real_key_01";
const NOW: Timestamp = Timestamp::from_millis(1_772_553_700_123);
const TOLERANCE: Duration = Duration::from_mins(5);

#[derive(Deserialize)]
struct Vectors {
    tolerance_ms: u64,
    #[serde(rename = "vectors")]
    judged: Vec<Vector>,
    implementation_defined: Vec<Vector>,
}

#[derive(Deserialize)]
struct Vector {
    id: String,
    api_key: String,
    timestamp_ms: i64,
    now_ms: i64,
    header: String,
    body: Option<String>,
    body_file: Option<String>,
    valid: Option<bool>,
}

impl Vector {
    fn body(&self) -> Bytes {
        if let Some(body) = &self.body {
            return Bytes::from(body.clone());
        }
        let file = self.body_file.as_deref().unwrap();
        Bytes::from(std::fs::read(format!("tests/fixtures/retell/{file}")).unwrap())
    }

    fn check(&self, tolerance_ms: u64) -> Result<Verified, Refusal> {
        verify(
            &[&self.api_key],
            Duration::from_millis(tolerance_ms),
            &self.body(),
            self.header.as_bytes(),
            Timestamp::from_millis(self.now_ms),
        )
    }
}

fn vectors() -> Vectors {
    let text = std::fs::read("tests/fixtures/retell/signature_vectors.json").unwrap();
    serde_json::from_slice(&text).unwrap()
}

fn verify(
    keys: &[&str],
    tolerance: Duration,
    body: &[u8],
    header: &[u8],
    now: Timestamp,
) -> Result<Verified, Refusal> {
    let keys = keys.iter().map(|&key| Secret::new(key)).collect();
    let check = Check::Retell(RetellCheck::new(keys, tolerance).unwrap());
    let source = SourceName::new("retell").unwrap();
    check.verify(&source, Bytes::copy_from_slice(body), &[header], now)
}

fn at_once(body: &[u8], header: &[u8]) -> Result<Verified, Refusal> {
    verify(&[KEY], TOLERANCE, body, header, NOW)
}

fn signed(body: &[u8]) -> String {
    retell::sign(&Secret::new(KEY), body, NOW)
}

#[test]
fn every_vector_is_judged_as_written() {
    let vectors = vectors();
    assert_eq!(vectors.judged.len(), 49);
    for vector in &vectors.judged {
        let result = vector.check(vectors.tolerance_ms);
        assert_eq!(Some(result.is_ok()), vector.valid, "{}: {result:?}", vector.id);
        if let Ok(verified) = result {
            assert!(verified.signed(), "{}", vector.id);
            assert_eq!(verified.body(), &vector.body(), "{}", vector.id);
        }
    }
}

#[test]
fn where_implementations_differ_we_refuse() {
    let vectors = vectors();
    assert_eq!(vectors.implementation_defined.len(), 2);
    for vector in &vectors.implementation_defined {
        let result = vector.check(vectors.tolerance_ms);
        assert_eq!(result.err(), Some(Refusal::Malformed), "{}", vector.id);
    }
}

#[test]
fn we_sign_as_retell_does() {
    let vectors = vectors();
    for vector in vectors.judged.iter().filter(|vector| vector.valid == Some(true)) {
        let now = Timestamp::from_millis(vector.timestamp_ms);
        let header = retell::sign(&Secret::new(vector.api_key.as_str()), &vector.body(), now);
        assert_eq!(header, vector.header, "{}", vector.id);
    }
}

#[test]
fn a_wrong_digest_is_wrong_however_old_and_a_right_one_is_stale() {
    let header = signed(b"body");
    let late = NOW.plus(Duration::from_millis(300_001));
    let early = NOW.minus(Duration::from_millis(300_001));
    let stale = |skew_ms| Some(Refusal::Stale { skew_ms });
    let judge = |body: &[u8], now| verify(&[KEY], TOLERANCE, body, header.as_bytes(), now).err();
    assert_eq!(judge(b"body", late), stale(300_001));
    assert_eq!(judge(b"body", early), stale(-300_001));
    assert_eq!(judge(b"bodies", late), Some(Refusal::Wrong));
    assert_eq!(judge(b"body", Timestamp::from_millis(i64::MIN)), stale(i64::MIN));
    let text = Refusal::Stale { skew_ms: -300_001 }.to_string();
    assert_eq!(text, "the signature is right but 300 s ahead of the clock");
}

#[test]
fn any_of_several_keys_will_do() {
    let header = signed(b"body");
    for keys in [[KEY, "b", "c"], ["a", KEY, "c"], ["a", "b", KEY], [KEY, KEY, KEY]] {
        assert!(verify(&keys, TOLERANCE, b"body", header.as_bytes(), NOW).is_ok());
    }
    let others = verify(&["a", "b"], TOLERANCE, b"body", header.as_bytes(), NOW);
    assert_eq!(others.err(), Some(Refusal::Wrong));
}

#[test]
fn no_part_of_a_digest_is_enough() {
    let header = signed(b"body");
    for len in 0..header.len() {
        let refusal = at_once(b"body", &header.as_bytes()[..len]).err();
        assert_eq!(refusal, Some(Refusal::Malformed), "{len} bytes");
    }
    for extra in ["0", " ", "\n", "\0", ","] {
        let longer = format!("{header}{extra}");
        assert_eq!(at_once(b"body", longer.as_bytes()).err(), Some(Refusal::Malformed));
    }
}

#[test]
fn digits_cannot_move_between_body_and_timestamp() {
    // The digest covers body and digits without anything between them, so each of these has a right digest.
    let body = b"{\"n\":1772553700123";
    let header = signed(body);
    let (digits, digest) = header.strip_prefix("v=").unwrap().split_at(13);
    for moved in 1..=13 {
        let (gone, left) = digits.split_at(moved);
        let longer_body = [body.as_slice(), gone.as_bytes()].concat();
        let shorter = format!("v={left}{digest}");
        assert_eq!(at_once(&longer_body, shorter.as_bytes()).err(), Some(Refusal::Malformed));
        let (shorter_body, tail) = body.split_at(body.len() - moved);
        let longer = format!("v={}{digits}{digest}", std::str::from_utf8(tail).unwrap());
        assert_eq!(at_once(shorter_body, longer.as_bytes()).err(), Some(Refusal::Malformed));
    }
}

#[test]
fn headers_are_counted_before_they_are_read() {
    let check = Check::Retell(RetellCheck::new(vec![Secret::new(KEY)], TOLERANCE).unwrap());
    let source = SourceName::new("retell").unwrap();
    let header = signed(b"body");
    let judge = |headers: &[&[u8]]| {
        check.verify(&source, Bytes::from_static(b"body"), headers, NOW).map(|_| ())
    };
    assert_eq!(judge(&[]), Err(Refusal::Missing));
    assert_eq!(judge(&[header.as_bytes(), header.as_bytes()]), Err(Refusal::Repeated));
    assert_eq!(judge(&[header.as_bytes()]), Ok(()));
    let unsigned = Check::Unsigned.verify(&source, Bytes::new(), &[], NOW).unwrap();
    assert!(!unsigned.signed());
    assert!(!format!("{check:?}").contains(KEY));
}

#[test]
fn a_check_needs_keys_that_are_not_empty() {
    let new = |keys: &[&str]| {
        let keys = keys.iter().map(|&key| Secret::new(key)).collect();
        RetellCheck::new(keys, Duration::ZERO).map(|_| ())
    };
    assert_eq!(new(&[]), Err(KeyError::None));
    assert_eq!(new(&["a", ""]), Err(KeyError::Empty));
}

proptest! {
    #[test]
    fn one_changed_byte_is_refused(
        body in prop::collection::vec(any::<u8>(), 0..64),
        place in any::<prop::sample::Index>(),
        change in 1_u8..=255,
    ) {
        let header = signed(&body);
        prop_assert!(at_once(&body, header.as_bytes()).is_ok());
        let mut both = [body.as_slice(), header.as_bytes()].concat();
        let place = place.index(both.len());
        both[place] ^= change;
        let (body, header) = both.split_at(body.len());
        prop_assert!(at_once(body, header).is_err());
    }

    #[test]
    fn garbage_is_refused_without_a_panic(header in prop::collection::vec(any::<u8>(), 0..120)) {
        prop_assert_eq!(at_once(b"", &header).err(), Some(Refusal::Malformed));
    }
}
