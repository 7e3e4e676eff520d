//! The tables: every key of `rules.yaml`, in the order in which people write them. `docs/configuration.md` tells the same
//! at more length, and a test looks that it leaves out none.

use std::time::Duration;

use super::{Either, Key, Object, Shape, Variants};

const MILLISECOND: Duration = Duration::from_millis(1);
const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_mins(1);
const DAY: Duration = Duration::from_hours(24);
const YEAR: Duration = Duration::from_hours(8760);

const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;
const TIB: u64 = 1 << 40;

/// The longest `shutdown_timeout`.
pub(in crate::config) const END_MAX: Duration = Duration::from_mins(10);

/// No bound on how many keys a map of ours has.
const ANY: usize = usize::MAX;

/// The shape of the root.
pub(in crate::config) static ROOT: Shape = Shape::Object(&FILE);

/// The whole file.
pub(in crate::config) static FILE: Object = Object {
    name: "File",
    what: "the file",
    about: "The configuration of hookswitch: where events arrive, where they go, and which go where.",
    keys_min: 0,
    keys_max: ANY,
    one_of: &[],
    keys: &[
        Key::new("version", Shape::Whole(1, 1), "version of this file's format; it is 1").required(),
        Key::new("listen", Shape::Address, "IP address and port where webhooks arrive")
            .or("127.0.0.1:8080"),
        Key::new(
            "admin",
            Shape::Address,
            "IP address and port of the API and /metrics; off loopback it needs admin_token",
        )
        .or("127.0.0.1:8081"),
        Key::new(
            "admin_token",
            Shape::SecretOrNone,
            "bearer token of the API, at most 512 visible ASCII characters; empty means none, which is refused off loopback",
        ),
        Key::new(
            "admin_hosts",
            Shape::List(&Shape::Text, 0),
            "host names under which the API may be asked, beside loopback's",
        ),
        Key::new(
            "data_dir",
            Shape::Text,
            "folder of the store, relative to this file; --data-dir and HOOKSWITCH_DATA_DIR stand above it",
        )
        .or("./hookswitch-data"),
        Key::new("store", Shape::Object(&STORE), "bounds of the store"),
        Key::new("limits", Shape::Object(&LIMITS), "bounds of the listener"),
        Key::new(
            "shutdown_timeout",
            Shape::Duration(Duration::ZERO, END_MAX),
            "how long the whole end may take, drain_delay included; what is not done by then waits in the store. Docker kills after 10 s",
        )
        .or("8s"),
        Key::new(
            "drain_delay",
            Shape::Duration(Duration::ZERO, Duration::from_mins(10)),
            "how long it goes on accepting, unready, after the signal to stop; 5s behind a Kubernetes service, and then a shutdown_timeout of 20s",
        )
        .or("0s"),
        Key::new("reload", Shape::Object(&RELOAD), "what a changed file must pass"),
        Key::new("ui", Shape::Object(&UI), "what the page shows"),
        Key::new(
            "sources",
            Shape::Entries(&Shape::Object(&SOURCE)),
            "paths that receive events, by name",
        )
        .required(),
        Key::new("defaults", Shape::Object(&DEFAULTS), "what every target has that does not say otherwise"),
        Key::new(
            "targets",
            Shape::Entries(&Shape::Variants(&TARGET)),
            "destinations, by name",
        ),
        Key::new(
            "rules",
            Shape::List(&Shape::Object(&RULE), 0),
            "which events go to which targets, in the order in which they are looked at",
        ),
        Key::new(
            "fallback",
            Shape::Either(&FALLBACK),
            "targets of the events that no rule matched; without any they are kept and listed as unrouted",
        ),
        Key::new(
            "tests",
            Shape::List(&Shape::Object(&TRIAL), 0),
            "events and what must become of them; run by `hookswitch test`, and whenever the file is loaded",
        ),
    ],
};

static STORE: Object = Object {
    name: "Store",
    what: "`store`",
    about: "Bounds of the store on disk.",
    keys_min: 0,
    keys_max: ANY,
    one_of: &[],
    keys: &[
        Key::new(
            "max_size",
            Shape::Size(MIB, 16 * TIB),
            "most bytes on disk; history is pruned first, then new events are answered 503",
        )
        .or("10 GiB"),
        Key::new(
            "retention",
            Shape::Duration(MINUTE, Duration::from_hours(87600)),
            "how long delivered events and their attempts are kept; dead letters stay 30 days",
        )
        .or("7d"),
    ],
};

static LIMITS: Object = Object {
    name: "Limits",
    what: "`limits`",
    about: "Bounds of the listener.",
    keys_min: 0,
    keys_max: ANY,
    one_of: &[],
    keys: &[
        Key::new("connections", Shape::Whole(1, 65_536), "most connections at once").or("4096"),
        Key::new(
            "connections_per_address",
            Shape::Whole(1, 65_536),
            "most connections at once from one address (IPv6: from one /64); leave it out behind a proxy",
        ),
        Key::new(
            "body_memory",
            Shape::Size(MIB, 64 * GIB),
            "most bytes of request bodies in memory at once; beyond it the answer is 503",
        )
        .or("256 MiB"),
    ],
};

/// What a changed file must pass.
static RELOAD: Object = Object {
    name: "Reload",
    what: "`reload`",
    about: "What a changed file must pass.",
    keys_min: 0,
    keys_max: ANY,
    one_of: &[],
    keys: &[Key::new(
        "require_tests",
        Shape::Flag,
        "a test of the file that fails is an error, and the file is refused; else it is a warning",
    )
    .or("false")],
};

/// What the page shows.
static UI: Object = Object {
    name: "Ui",
    what: "`ui`",
    about: "What the page shows.",
    keys_min: 0,
    keys_max: ANY,
    one_of: &[],
    keys: &[Key::new(
        "show_payloads",
        Shape::Word(&["all", "masked"]),
        "masked: phone numbers, names and transcripts are hidden until one asks for them",
    )
    .or("all")],
};

/// A source.
pub(in crate::config) static SOURCE: Object = Object {
    name: "Source",
    what: "a source",
    about: "A path on the listener with its own signature check.",
    keys_min: 0,
    keys_max: ANY,
    one_of: &[],
    keys: &[
        Key::new("path", Shape::Text, "exact path, such as /webhook; unique").required(),
        Key::new(
            "verify",
            Shape::Either(&VERIFY),
            "how requests are checked: a map with the keys of Retell, or `none`, which lets everybody in",
        )
        .required(),
        Key::new("dedupe", Shape::Object(&DEDUPE), "how repeats of an event are told"),
        Key::new("max_body", Shape::Size(KIB, 256 * MIB), "largest body; beyond it the answer is 413")
            .or("10 MiB"),
    ],
};

static VERIFY: Either = Either {
    what: "`none` or a map such as { retell: [\"${RETELL_API_KEY}\"] }",
    scalar: Some(Shape::Word(&["none"])),
    list: None,
    map: Some(Shape::Object(&CHECK)),
};

/// A signature check.
pub(in crate::config) static CHECK: Object = Object {
    name: "Verify",
    what: "`verify`",
    about: "Retell's signature check.",
    keys_min: 0,
    keys_max: ANY,
    one_of: &[],
    keys: &[
        Key::new(
            "retell",
            Shape::Either(&KEYS),
            "API keys whose signature is accepted: the one with the webhook badge; several while one is rotated",
        )
        .required(),
        Key::new(
            "tolerance",
            Shape::Duration(SECOND, DAY),
            "how far a signature's timestamp may be from the clock",
        )
        .or("5m"),
    ],
};

static KEYS: Either = Either {
    what: "a key or a list of keys",
    scalar: Some(Shape::Secret),
    list: Some(Shape::List(&Shape::Secret, 1)),
    map: None,
};

static DEDUPE: Object = Object {
    name: "Dedupe",
    what: "`dedupe`",
    about: "How repeats of an event are told.",
    keys_min: 0,
    keys_max: ANY,
    one_of: &[],
    keys: &[
        Key::new("window", Shape::Duration(SECOND, Duration::from_hours(168)), "how long an event is remembered")
            .or("10m"),
        Key::new(
            "by",
            Shape::Word(&["id", "body", "off"]),
            "id: by the ids of life-cycle events, by the body of others; body: by the body; off: repeats are not told",
        )
        .or("id"),
    ],
};

/// What targets share.
pub(in crate::config) static DEFAULTS: Object = Object {
    name: "Defaults",
    what: "`defaults`",
    about: "What every target has that does not say otherwise; `retry` is merged key by key.",
    keys_min: 0,
    keys_max: ANY,
    one_of: &[],
    keys: &[TIMEOUT, CONCURRENCY, RATE, RETRY_KEY],
};

const TIMEOUT: Key = Key::new(
    "timeout",
    Shape::Duration(Duration::from_millis(100), Duration::from_mins(10)),
    "how long an attempt may take, from connecting to the end of the answer",
)
.or("10s");
const CONCURRENCY: Key =
    Key::new("concurrency", Shape::Whole(1, 1_024), "most attempts at once").or("8");
const RATE: Key = Key::new(
    "rate",
    Shape::Rate,
    "most attempts per time: 10/s, 100/m, 1/2s; Slack has 1/s unless the target says otherwise",
);
const RETRY_KEY: Key = Key::new("retry", Shape::Object(&RETRY), "how failures are retried");
const KIND: Key =
    Key::new("kind", Shape::Word(&["http", "slack", "log"]), "what kind of target it is")
        .required();
const ORDER_BY: Key = Key::new(
    "order_by",
    Shape::Text,
    "JSONPath: deliveries with the same value go out one after the other, in order of arrival",
);
const CA_FILE: Key = Key::new(
    "ca_file",
    Shape::Text,
    "PEM file with certificate authorities to trust beside the public ones, relative to this file",
);

/// How failures are retried.
pub(in crate::config) static RETRY: Object = Object {
    name: "Retry",
    what: "`retry`",
    about: "How failures are retried: initial · factor^n with ±20 % jitter, at most max.",
    keys_min: 0,
    keys_max: ANY,
    one_of: &[],
    keys: &[
        Key::new("initial", Shape::Duration(MILLISECOND, DAY), "wait after the first failure")
            .or("2s"),
        Key::new("factor", Shape::Decimal(1.0, 100.0), "what each further wait is multiplied with")
            .or("2"),
        Key::new("max", Shape::Duration(MILLISECOND, Duration::from_hours(168)), "longest wait")
            .or("30m"),
        Key::new(
            "give_up_after",
            Shape::Duration(SECOND, YEAR),
            "age from which a failure is the last and the delivery becomes a dead letter",
        )
        .or("24h"),
        Key::new(
            "also_on",
            Shape::List(&Shape::Status, 0),
            "statuses that are retried although they would be final: 409, 4xx",
        ),
        Key::new(
            "never_on",
            Shape::List(&Shape::Status, 0),
            "statuses that are final although they would be retried: 500, 5xx",
        ),
    ],
};

/// A target of any kind.
pub(in crate::config) static TARGET: Variants = Variants {
    name: "Target",
    what: "a target",
    tag: "kind",
    of: &[("http", &HTTP), ("slack", &SLACK), ("log", &LOG)],
};

/// `kind: http`.
pub(in crate::config) static HTTP: Object = Object {
    name: "HttpTarget",
    what: "a target of `kind: http`",
    about: "Any HTTP endpoint. It gets the exact bytes that arrived unless `body` or `redact` is given.",
    keys_min: 0,
    keys_max: ANY,
    one_of: &[],
    keys: &[
        KIND,
        Key::new("method", Shape::Word(&["POST", "PUT", "PATCH"]), "method of the request")
            .or("POST"),
        Key::new("url", Shape::Url, "address; path segments and query values may be templates")
            .required(),
        Key::new(
            "headers",
            Shape::Entries(&Shape::SecretTemplate),
            "headers to send beside hookswitch's own; values may be templates and are never shown",
        ),
        Key::new(
            "body",
            Shape::Either(&BODY),
            "JSON to send: texts are templates, and one that is a single expression keeps its type",
        ),
        Key::new(
            "redact",
            Shape::List(&Shape::Text, 1),
            "JSONPaths of what is taken out of the body before it is sent",
        ),
        Key::new("sign", Shape::Object(&SIGN), "how requests are signed"),
        CA_FILE,
        TIMEOUT,
        CONCURRENCY,
        RATE,
        RETRY_KEY,
        ORDER_BY,
    ],
};

static BODY: Either = Either {
    what: "a map or a list",
    scalar: None,
    list: Some(Shape::Body),
    map: Some(Shape::Body),
};

/// How a target's requests are signed.
pub(in crate::config) static SIGN: Object = Object {
    name: "Sign",
    what: "`sign`",
    about: "How requests are signed, freshly at every attempt.",
    keys_min: 1,
    keys_max: 1,
    one_of: &[],
    keys: &[
        Key::new(
            "retell",
            Shape::Secret,
            "key with which to sign as Retell does (x-retell-signature)",
        ),
        Key::new(
            "standard",
            Shape::Secret,
            "key, whsec_…, with which to sign as Standard Webhooks asks",
        ),
    ],
};

/// `kind: slack`.
pub(in crate::config) static SLACK: Object = Object {
    name: "SlackTarget",
    what: "a target of `kind: slack`",
    about: "A Slack incoming webhook. Without `text` and `blocks` it gets a readable summary of each kind of event.",
    keys_min: 0,
    keys_max: ANY,
    one_of: &[],
    keys: &[
        KIND,
        Key::new("url", Shape::Url, "address of the incoming webhook").required(),
        Key::new(
            "text",
            Shape::Template,
            "template of the text; beside `blocks`, what notifications show",
        ),
        Key::new(
            "blocks",
            Shape::List(&Shape::Body, 1),
            "Block Kit blocks, at most 50, whose texts are templates",
        ),
        CA_FILE,
        TIMEOUT,
        CONCURRENCY,
        RATE,
        RETRY_KEY,
        ORDER_BY,
    ],
};

/// `kind: log`.
pub(in crate::config) static LOG: Object = Object {
    name: "LogTarget",
    what: "a target of `kind: log`",
    about: "One JSON line per delivery on standard output, for trying rules out.",
    keys_min: 0,
    keys_max: ANY,
    one_of: &[],
    keys: &[KIND, TIMEOUT, CONCURRENCY, RATE, RETRY_KEY, ORDER_BY],
};

/// A rule.
pub(in crate::config) static RULE: Object = Object {
    name: "Rule",
    what: "a rule",
    about: "A condition, and the targets of the events for which it holds: `to`, or `ignore: true`.",
    keys_min: 0,
    keys_max: ANY,
    one_of: &["to", "ignore"],
    keys: &[
        Key::new("name", Shape::Text, "one line of text, at most 200 characters; unique")
            .required(),
        Key::new(
            "when",
            Shape::Object(&CONDITION),
            "what must hold; without it the rule matches every event",
        ),
        Key::new("to", Shape::Either(&NAMES), "targets that get the event"),
        Key::new(
            "ignore",
            Shape::Flag,
            "instead of `to`: the event is kept and goes nowhere; implies `stop`",
        ),
        Key::new(
            "stop",
            Shape::Flag,
            "later rules are not looked at for an event that this one matches",
        )
        .or("false"),
        Key::new(
            "mode",
            Shape::Word(&["live", "shadow"]),
            "`shadow` lets the rule watch: it is matched, counted and listed, and changes nothing",
        )
        .or("live"),
        Key::new("enabled", Shape::Flag, "false takes the rule out, and it is still listed")
            .or("true"),
    ],
};

static NAMES: Either = Either {
    what: "the name of a target or a list of them",
    scalar: Some(Shape::Text),
    list: Some(Shape::List(&Shape::Text, 1)),
    map: None,
};

static FALLBACK: Either = Either {
    what: "the name of a target or a list of them",
    scalar: Some(Shape::Text),
    list: Some(Shape::List(&Shape::Text, 0)),
    map: None,
};

/// A condition.
pub(in crate::config) static CONDITION: Object = Object {
    name: "Condition",
    what: "a condition",
    about: "Everything in it must hold.",
    keys_min: 1,
    keys_max: ANY,
    one_of: &[],
    keys: &[
        Key::new(
            "event",
            TEST_SHAPE,
            "name of the event: call_started, call_ended, call_analyzed, …",
        ),
        Key::new("agent_id", TEST_SHAPE, "agent of the call or chat"),
        Key::new(
            "metadata",
            Shape::Entries(&TEST_SHAPE),
            "members of the metadata of the call or chat, by plain name",
        ),
        Key::new("source", TEST_SHAPE, "name of the source that received the event"),
        Key::new("query", Shape::Entries(&TEST_SHAPE), "query parameters of the request"),
        Key::new("header", Shape::Entries(&TEST_SHAPE), "headers of the request"),
        Key::new(
            "fields",
            Shape::Entries(&TEST_SHAPE),
            "anything in the body, by JSONPath (RFC 9535)",
        ),
        Key::new(
            "all",
            Shape::List(&Shape::Object(&CONDITION), 1),
            "conditions that must all hold",
        ),
        Key::new(
            "any",
            Shape::List(&Shape::Object(&CONDITION), 1),
            "conditions of which one must hold",
        ),
        Key::new("not", Shape::Object(&CONDITION), "a condition that must not hold"),
    ],
};

const TEST_SHAPE: Shape = Shape::Either(&TEST);

static TEST: Either = Either {
    what: "a value, a list of values, or a map of operators",
    scalar: Some(Shape::Literal),
    list: Some(Shape::List(&Shape::Literal, 1)),
    map: Some(Shape::Object(&OPERATORS)),
};

/// The operators of a test.
pub(in crate::config) static OPERATORS: Object = Object {
    name: "Operators",
    what: "a test",
    about: "Operators that must all hold for the same value.",
    keys_min: 1,
    keys_max: ANY,
    one_of: &[],
    keys: &[
        Key::new("is", Shape::Literal, "it is equal"),
        Key::new("not", Shape::Literal, "there is a value, and it is not equal"),
        Key::new("in", Shape::List(&Shape::Literal, 1), "it is equal to one of them"),
        Key::new(
            "not_in",
            Shape::List(&Shape::Literal, 1),
            "there is a value, and it is equal to none of them",
        ),
        Key::new("prefix", Shape::Text, "it is a text that begins so"),
        Key::new("suffix", Shape::Text, "it is a text that ends so"),
        Key::new(
            "glob",
            Shape::Text,
            "it is a text that matches whole: * any characters, ? one, [a-z] one of",
        ),
        Key::new("regex", Shape::Text, "it is a text that the regular expression matches whole"),
        Key::new(
            "contains",
            Shape::Literal,
            "it is a text with this part, or a list with an equal element",
        ),
        Key::new("exists", Shape::Flag, "there is a value (`null` is one), or there is none"),
        Key::new("gt", Shape::Number, "it is a number above"),
        Key::new("gte", Shape::Number, "it is a number above or equal"),
        Key::new("lt", Shape::Number, "it is a number below"),
        Key::new("lte", Shape::Number, "it is a number below or equal"),
        Key::new(
            "ignore_case",
            Shape::Flag,
            "upper and lower case are the same to the operators beside it",
        )
        .or("false"),
    ],
};

/// A test of the file.
pub(in crate::config) static TRIAL: Object = Object {
    name: "Test",
    what: "an entry of `tests`",
    about: "An event, and what must become of it under the rules of this file.",
    keys_min: 0,
    keys_max: ANY,
    one_of: &[],
    keys: &[
        Key::new("name", Shape::Text, "one line of text, at most 200 characters; unique")
            .required(),
        Key::new(
            "event",
            Shape::Either(&EVENT),
            "the event: a JSON file in the folder of this file or below, at most 1 MiB; or the body itself as a map",
        )
        .required(),
        Key::new(
            "change",
            Shape::Entries(&Shape::Data),
            "values to put into the event first, by JSONPath; a path names one place",
        ),
        Key::new(
            "remove",
            Shape::List(&Shape::Text, 1),
            "JSONPaths of what to take out of the event after that",
        ),
        Key::new(
            "source",
            Shape::Text,
            "the source at which it arrives; without it the first of `sources`",
        ),
        Key::new(
            "query",
            Shape::Text,
            "the query string with which it arrives: `tenant=a&test=1`",
        ),
        Key::new("headers", Shape::Entries(&Shape::Text), "headers with which it arrives"),
        Key::new("expect", Shape::Object(&EXPECT), "what must become of it").required(),
    ],
};

static EVENT: Either = Either {
    what: "the path of a file, or the event itself as a map",
    scalar: Some(Shape::Text),
    list: None,
    map: Some(Shape::Data),
};

/// What a test expects.
pub(in crate::config) static EXPECT: Object = Object {
    name: "Expect",
    what: "`expect`",
    about: "What must become of a test's event. What is not written is not looked at.",
    keys_min: 1,
    keys_max: ANY,
    one_of: &[],
    keys: &[
        Key::new("to", Shape::Either(&NAMES), "the targets that get it: these and no others"),
        Key::new(
            "rules",
            Shape::Either(&RULE_NAMES),
            "the live rules that match: these and no others; `[]` for none",
        ),
        Key::new(
            "shadow",
            Shape::Either(&RULE_NAMES),
            "the rules in shadow that match: these and no others; `[]` for none",
        ),
        Key::new("unrouted", Shape::Flag, "`true`: no rule matches, and there is no fallback"),
        Key::new("ignored", Shape::Flag, "`true`: a rule ignores it, and none before sends it"),
        Key::new(
            "sends",
            Shape::Entries(&Shape::Object(&SENDS)),
            "what a target is sent, by its name",
        ),
    ],
};

static RULE_NAMES: Either = Either {
    what: "the name of a rule or a list of them",
    scalar: Some(Shape::Text),
    list: Some(Shape::List(&Shape::Text, 0)),
    map: None,
};

/// A request that a test expects.
pub(in crate::config) static SENDS: Object = Object {
    name: "Sends",
    what: "an expected request",
    about: "What the request of a target's first attempt must be. What is not written is not looked at.",
    keys_min: 1,
    keys_max: ANY,
    one_of: &[],
    keys: &[
        Key::new("method", Shape::Word(&["POST", "PUT", "PATCH"]), "its method"),
        Key::new("url", Shape::Url, "its whole address"),
        Key::new(
            "headers",
            Shape::Entries(&Shape::Secret),
            "headers that it must have; their values are never shown",
        ),
        Key::new(
            "body",
            Shape::Data,
            "its body: of a map the members that are written, and of those all that is written; anything else whole",
        ),
    ],
};

/// Every map of the file.
pub(in crate::config) static OBJECTS: [&Object; 20] = [
    &FILE, &STORE, &LIMITS, &RELOAD, &UI, &SOURCE, &CHECK, &DEDUPE, &DEFAULTS, &HTTP, &SIGN,
    &SLACK, &LOG, &RETRY, &RULE, &CONDITION, &OPERATORS, &TRIAL, &EXPECT, &SENDS,
];

/// Whether `word` is a key of ours, anywhere in the file.
pub(in crate::config) fn is_known(word: &str) -> bool {
    OBJECTS.iter().any(|object| object.key(word).is_some())
}
