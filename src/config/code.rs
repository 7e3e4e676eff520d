//! Every code that a problem of a configuration can have. A code is for ever: it stands in comments of people's files
//! (`# hookswitch: allow HS302 because …`), in their build servers and in `docs/lint.md`, which has a section for each. So a code is
//! never used for something else, and one that is not needed any more keeps its number.
//!
//! The hundreds say how bad it is: `HS0` the file cannot be read, `HS1` something in it cannot be meant, `HS2` what was proved of the
//! rules, `HS3` legal but unwise, `HS9` about the check itself.

use std::fmt;

use super::Level;

/// When a problem with a code can first be seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    /// When the file is read.
    Reading,
    /// When its tests have run.
    Trials,
    /// When events that an instance stored were routed by it.
    Traffic,
}

/// Makes the codes from one table: number, level, title, and what it means.
macro_rules! codes {
    ($($name:ident = $number:literal, $level:ident, $title:literal, $about:literal;)*) => {
        /// The code of a problem.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u16)]
        pub enum Code {
            $(#[doc = $title] $name = $number,)*
        }

        impl Code {
            /// All codes, by number.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            /// In few words.
            pub const fn title(self) -> &'static str {
                match self { $(Self::$name => $title,)* }
            }

            /// What it means, in a sentence.
            pub const fn about(self) -> &'static str {
                match self { $(Self::$name => $about,)* }
            }

            /// How bad it is, if nothing says otherwise.
            pub const fn level(self) -> Level {
                match self { $(Self::$name => Level::$level,)* }
            }
        }
    };
}

codes! {
    // Reading.
    Unreadable = 1, Error, "the file cannot be read",
        "There is no such file, it may not be read, or it is no regular file.";
    NotText = 2, Error, "the file is not a text",
        "It is not UTF-8, or it holds a control character.";
    TooLarge = 3, Error, "the file is too large or nests too deep",
        "It goes beyond a bound that keeps a broken or hostile file from taking all memory.";
    NotYaml = 4, Error, "this is not YAML",
        "The YAML reader cannot go on at this place.";
    Empty = 5, Error, "the file is empty",
        "There is nothing in it but white space and comments.";
    DuplicateKey = 6, Error, "a key occurs twice",
        "A map has the same key twice; YAML readers would take one of the two and drop the other.";
    KeyNotText = 7, Error, "a key is not a text",
        "A key is a number, a truth value, a list, a map or an alias.";
    Unsupported = 8, Error, "a part of YAML that is not supported",
        "Tags, merge keys, several documents and aliases of what is not there are refused.";
    ReadDifferently = 9, Error, "two YAML readers disagree",
        "Two readers take this value for different things, so one of them takes it for something else than is meant.";
    VariableUnset = 10, Error, "a variable is not set",
        "The value takes an environment variable that is not set, or empty where it must not be.";
    BadReference = 11, Error, "a `${…}` cannot be put in",
        "A reference to a value from outside is not written as it should be, nests too deep or brings too long a value.";
    BadSecretFile = 12, Error, "a `${file:…}` cannot be read",
        "The file that a value is to come from cannot be read or is too large.";
    SecretShown = 13, Error, "a secret where it would be shown",
        "`${file:…}` is for secrets, and what stands at this place is shown and logged.";
    NotLent = 14, Error, "a variable that a posted text is not lent",
        "A text that is previewed over the API may use only variables whose values the running revision shows.";

    // Shape and meaning.
    UnknownKey = 101, Error, "an unknown key",
        "The map at this place has no such key.";
    MissingKey = 102, Error, "a missing key",
        "The map at this place needs a key that is not written.";
    NoValue = 103, Error, "a key without a value",
        "A key is written and nothing stands behind it.";
    WrongValue = 104, Error, "a value that cannot stand here",
        "It is of another type than the place takes, of another form, or out of its bounds.";
    NothingInIt = 105, Error, "a list or map with nothing in it",
        "The place needs at least one element.";
    TooMany = 106, Error, "more of something than there can be",
        "A list or map has more elements than the place takes.";
    Contradiction = 107, Error, "keys that exclude each other",
        "Each of the keys can be meant, but not together.";
    NothingToDo = 108, Error, "something that does nothing",
        "What is written leaves a rule or an expectation nothing to do.";
    BadName = 110, Error, "a name that cannot be used",
        "Names of sources, targets, rules and tests have a form and a length.";
    NameTaken = 111, Error, "a name that is taken",
        "Two rules or two tests have the same name, or two sources the same path.";
    UnknownTarget = 112, Error, "a target that there is not",
        "A rule, the fallback or a test names a target that `targets` does not have.";
    UnknownSource = 113, Error, "a source that there is not",
        "A test names a source that `sources` does not have.";
    UnknownRule = 114, Error, "a rule that there is not",
        "A test names a rule that `rules` does not have.";
    BadPath = 120, Error, "a path that cannot be used",
        "It is not a JSONPath, uses a part of JSONPath that is refused, or cannot be meant at this place.";
    BadTest = 121, Error, "a condition that cannot be tested",
        "An expression does not compile, or operators that stand together never hold.";
    BadHeaderName = 122, Error, "not the name of a header",
        "It holds characters that no header's name can have.";
    BadTemplate = 130, Error, "a template that does not compile",
        "The template engine cannot read it.";
    BadAddress = 131, Error, "an address that cannot be used",
        "It is not an http or https address with a literal host, or its host is never dialled.";
    BadHeader = 132, Error, "a header that cannot be set",
        "It is hookswitch's own or the HTTP client's, is set twice, or its value is no single line.";
    BadKey = 133, Error, "a key that cannot be used",
        "A key for `verify` or `sign` is empty, has white space around it or has another form.";
    BadCertificates = 134, Error, "a `ca_file` that cannot be used",
        "The file with certificate authorities cannot be read, is too large or holds something else.";
    BadRetry = 135, Error, "retries that do not fit together",
        "`max` is below `initial`, or a status is both in `also_on` and in `never_on`.";
    BadSourcePath = 140, Error, "a path of a source that cannot be used",
        "It does not begin with `/`, holds characters that no path can have, or the listener answers it itself.";
    BodyNeverFits = 141, Error, "a body that never fits",
        "`max_body` of a source is larger than `limits.body_memory`, so its largest events are always refused.";
    SameAddress = 142, Error, "one address for two listeners",
        "`listen` and `admin` are the same address.";
    ApiUnprotected = 143, Error, "the API without a token off loopback",
        "Other machines can reach the API, and `admin_token` is not set.";
    BadToken = 144, Error, "a token that cannot be used",
        "`admin_token` is too long, or has characters that a header cannot carry.";
    BadHost = 145, Error, "not a host name",
        "An entry of `admin_hosts` is not a host's name alone.";
    NoSource = 146, Error, "no source",
        "`sources` is empty, so nothing can arrive.";

    // Proofs.
    NeverMatches = 201, Warning, "a rule that can never match",
        "It is proved that no event fulfils the rule's condition.";
    Hidden = 202, Warning, "a rule that is never looked at",
        "It is proved that an earlier rule with `stop` or `ignore` matches every event that this one could match.";
    Overlap = 203, Note, "two rules that match the same event",
        "An event that both rules match is shown; each sends it to its targets.";
    NotProven = 204, Note, "not proven",
        "The condition uses something that the proofs do not cover, so nothing is said about it.";

    // Legal but unwise.
    UnknownEvent = 301, Warning, "an event that Retell does not send",
        "A condition compares with the name of an event that Retell does not send today: almost always a slip.";
    UnusedTarget = 302, Warning, "a target that nobody uses",
        "No rule sends anything to it, nor does the fallback.";
    NoFallback = 303, Warning, "no fallback",
        "Events that no rule matches are kept and go nowhere, and nothing says that this is meant.";
    PlainHttp = 304, Warning, "events in the clear",
        "Events go over plain http to a host that is probably on the internet.";
    SecretInTheClear = 305, Warning, "a secret in the clear",
        "A header or an address that holds a secret, or a signature, goes over plain http to a host that is probably on the internet.";
    Unsigned = 306, Warning, "unsigned events from anywhere",
        "`verify: none` on an address that other machines can reach: whoever reaches it can make up events.";
    LongTolerance = 307, Warning, "signatures that are good for long",
        "A `tolerance` above 15 minutes makes a captured request useful for that long.";
    ShortDedupe = 308, Warning, "repeats that are forgotten too early",
        "The window in which repeats are told is shorter than a signature is good for.";
    ShortToken = 309, Warning, "a token that can be guessed",
        "`admin_token` has fewer than 16 characters.";
    LongDrain = 310, Warning, "no time to finish",
        "`drain_delay` takes all of `shutdown_timeout`.";
    HeaderNotKept = 311, Warning, "a header that a replay cannot see",
        "A condition reads a header that is not kept with an event, so a replay plans without it.";
    NeverEqual = 312, Warning, "a value of a type that never equals",
        "What the condition looks at is always a text, and a number or truth value never equals one.";
    NamedTwice = 313, Warning, "a target that is named twice",
        "A list names the same target twice; it gets each event once.";
    TestFails = 314, Warning, "a test that fails",
        "What becomes of a test's event is not what the test expects. With `require_tests` it is an error.";
    TestsNotRun = 315, Warning, "tests that were not run",
        "The tests of one load may take 5 s, and these were left. With `require_tests` it is an error.";
    RateExceeded = 316, Warning, "a rate below the traffic",
        "The events of an hour, as an instance stored them, are more deliveries than the `rate` lets through.";
    SwitchedOff = 317, Note, "a rule that is switched off",
        "`enabled: false` takes the rule out until somebody changes it back.";
    DefaultTaken = 318, Warning, "a default instead of a variable",
        "A text that is previewed over the API is not lent this variable, so its default is taken.";
    NoSuchSource = 319, Warning, "a condition on a source that there is not",
        "A condition compares with the name of a source that `sources` does not have, so no new event comes from it.";

    // About the check itself.
    BadAllow = 901, Warning, "an `allow` that is not understood",
        "A comment `hookswitch: allow` names no code, an unknown one, one that cannot be allowed, or gives no reason.";
    UnusedAllow = 902, Warning, "an `allow` that silences nothing",
        "There is nothing with this code on its line or on the line below.";
    MoreProblems = 903, Error, "more problems than are shown",
        "Of errors, warnings and notes the first thousand each are kept; the others are only counted.";
    Internal = 904, Error, "a bug of hookswitch",
        "Reading the file came to a state that cannot be.";
}

impl Code {
    /// The code of that number, written as in a file: `HS302`.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|code| code.to_string() == text)
    }

    /// Where it is explained, relative to the root of the repository: `docs/lint.md#hs302`.
    pub fn reference(self) -> String {
        format!("docs/lint.md#{}", self.to_string().to_ascii_lowercase())
    }

    /// Whether a comment in the file can silence it. What is wrong cannot be allowed, and an `allow` cannot excuse another.
    pub fn can_be_allowed(self) -> bool {
        self.level() != Level::Error && (self as u16) < Self::BadAllow as u16
    }

    /// When it can first be seen.
    pub(super) fn stage(self) -> Stage {
        match self {
            Self::TestFails | Self::TestsNotRun => Stage::Trials,
            Self::RateExceeded => Stage::Traffic,
            _ => Stage::Reading,
        }
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HS{:03}", *self as u16)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_in_order_and_can_be_read_back() {
        assert!(Code::ALL.is_sorted());
        for code in Code::ALL {
            assert_eq!(Code::parse(&code.to_string()), Some(*code));
            assert!(!code.title().ends_with('.') && code.about().ends_with('.'), "{code}");
        }
        assert_eq!(Code::parse("HS1"), None);
        assert_eq!(Code::parse("hs001"), None);
        assert_eq!(Code::UnusedTarget.reference(), "docs/lint.md#hs302");
    }

    #[test]
    fn the_hundreds_say_how_bad_it_is() {
        for code in Code::ALL {
            let number = *code as u16;
            let is_error = code.level() == Level::Error;
            assert!(if number < 200 { is_error } else { number >= 900 || !is_error }, "{code}");
            assert!(!(code.can_be_allowed() && is_error), "{code}");
        }
    }
}
