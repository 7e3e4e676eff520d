//! `rules.yaml`: read once, checked whole, lowered into a [`Snapshot`] that already proves what the program relies on.
//!
//! The way down: text → a tree whose nodes know their places (`position`), checked against a second reader (`agree`) →
//! values from outside put in (`env`) → every key and type held against the tables (`shape`) → `lower` → [`Snapshot`].
//! Every problem on the way is a [`Problem`] with its place in the file; all are reported, not the first, because no stage
//! stops at one.

mod agree;
mod allow;
mod code;
mod document;
mod env;
mod findings;
mod foreign;
mod inputs;
mod lines;
mod lower;
mod mask;
mod near;
mod position;
mod problem;
mod published;
mod read;
mod redact;
mod scalar;
mod schema;
mod shape;
mod traffic;
mod trial;
mod units;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use sha2::{Digest, Sha256};

use crate::name::{ContentHash, Revision, SourceName, TargetName};
use crate::rule::RuleSet;
use crate::secret::Secret;
use crate::signature::Check;
use crate::target::Target;

use agree::Difference;
use env::Filled;
use findings::Findings;
use foreign::Lending;
use inputs::Files;
use lower::Lowered;

pub use allow::Allows;
pub use code::Code;
pub use env::{Environment, MapEnvironment, ProcessEnvironment};
pub use foreign::Shown;
pub use inputs::{EVENT_MAX, Inputs};
pub use problem::{Level, Places, Problem, Problems, Region, Style};
pub use published::Published;
pub use redact::without_secrets;
pub use schema::schema;
pub use traffic::{Busiest, with_traffic};
pub use trial::{Change, Expect, ExpectedRequest, Fate, Place, Trial};

/// Largest configuration file.
pub const FILE_MAX: usize = 4 << 20;

/// One complete, validated version of the configuration. A request, and an attempt, sees exactly one.
#[derive(Debug)]
pub struct Snapshot {
    /// Its name; number 0 until it is published.
    pub revision: Revision,
    /// The text it was made from, before anything was put in for `${…}`.
    pub text: Arc<str>,
    /// Everything that is not a source, target or rule.
    pub settings: Settings,
    /// Sources in file order.
    pub sources: Vec<Source>,
    /// Targets by name.
    pub targets: BTreeMap<TargetName, Arc<Target>>,
    /// The rules.
    pub rules: RuleSet,
    /// The tests of the file, not run yet. What runs for long has none: they are large.
    pub trials: Vec<Trial>,
    /// What is legal but unwise.
    pub warnings: Problems,
    /// What it was made from, so that a reload can tell whether anything changed.
    pub inputs: Inputs,
    /// The names of what was put in from outside: variables, and files as `file:/path`. Never a value.
    pub outside: Vec<String>,
    /// The variables among them that stand where values are shown.
    pub shown: Shown,
}

/// Everything of the configuration that is not a source, target or rule.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where webhooks arrive.
    pub listen: SocketAddr,
    /// Where the API answers.
    pub admin: SocketAddr,
    /// The API's token; demanded off loopback.
    pub admin_token: Option<Secret>,
    /// Host names under which the API may be asked, beside loopback's.
    pub admin_hosts: Vec<String>,
    /// The data folder, absolute or relative to the working directory.
    pub data_dir: PathBuf,
    /// Most bytes on disk.
    pub max_size: u64,
    /// How long delivered history is kept.
    pub retention: Duration,
    /// Most connections to the listener at once.
    pub connections: usize,
    /// Most of them from one address.
    pub connections_per_address: Option<usize>,
    /// Most bytes of request bodies in memory at once.
    pub body_memory: usize,
    /// How long a shutdown may take.
    pub shutdown_timeout: Duration,
    /// How long we accept after we are told to stop.
    pub drain_delay: Duration,
    /// Whether a test of the file that fails is an error.
    pub require_tests: bool,
    /// What the page shows of payloads until one asks.
    pub show_payloads: ShowPayloads,
}

/// What the page shows of payloads until one asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ShowPayloads {
    /// Everything.
    All,
    /// No phone numbers, names and transcripts.
    Masked,
}

impl ShowPayloads {
    /// Its word in the file.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Masked => "masked",
        }
    }
}

#[cfg(test)]
impl Settings {
    /// Settings of no particular meaning, for tests to change what they are about.
    pub(crate) fn for_tests() -> Self {
        let nowhere = || SocketAddr::from(([127, 0, 0, 1], 0));
        Self {
            listen: nowhere(),
            admin: nowhere(),
            admin_token: None,
            admin_hosts: Vec::new(),
            data_dir: PathBuf::from("data"),
            max_size: u64::MAX,
            retention: Duration::from_hours(1),
            connections: 1,
            connections_per_address: None,
            body_memory: 1,
            shutdown_timeout: Duration::from_secs(8),
            drain_delay: Duration::ZERO,
            require_tests: false,
            show_payloads: ShowPayloads::All,
        }
    }
}

/// A path on the listener with its own check.
#[derive(Debug, Clone)]
pub struct Source {
    /// Its name.
    pub name: SourceName,
    /// Its path, exact.
    pub path: String,
    /// How requests are checked.
    pub check: Check,
    /// How repeats are told.
    pub dedupe: Dedupe,
    /// Largest body in bytes.
    pub max_body: usize,
}

/// How repeats are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dedupe {
    /// They are not.
    Off,
    /// By the ids of life-cycle events, by the body of all others, within the window.
    ById(Duration),
    /// By the body, within the window.
    ByBody(Duration),
}

/// What the command line says about loading: settings that stand above the file, and whether notes are wanted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Overrides {
    /// `--listen`.
    pub listen: Option<SocketAddr>,
    /// `--admin-listen`.
    pub admin: Option<SocketAddr>,
    /// `--data-dir` or `HOOKSWITCH_DATA_DIR`.
    pub data_dir: Option<PathBuf>,
    /// What is looked for beside errors.
    pub advice: Advice,
}

/// What is looked for beside errors.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Advice {
    /// Nothing that takes long: nobody reads it. What is proven of the rules is left out.
    Quick,
    /// Warnings.
    #[default]
    Warnings,
    /// Notes, too: `check --verbose`.
    Notes,
}

/// Loads the file at `path`. On success the snapshot carries the warnings; its revision has number 0.
pub fn load(
    path: &Path,
    environment: &dyn Environment,
    overrides: &Overrides,
) -> Result<Snapshot, Problems> {
    let shown = path.display().to_string();
    let bytes = inputs::read_bounded(path).map_err(|error| {
        let hint = match error.kind() {
            // A command that names it, or an instance whose file was taken away.
            ErrorKind::NotFound => "no file is at this path: put it there, or name another path",
            ErrorKind::PermissionDenied => "let the user that hookswitch runs as read it",
            ErrorKind::IsADirectory => "name the file, not its folder",
            _ => "",
        };
        let hint = (!hint.is_empty()).then(|| hint.to_owned());
        let text = format!("the configuration cannot be read: {error}");
        findings::unplaced(Code::Unreadable, &shown, text, hint)
    })?;
    let refused = |code: Code, text: String, hint: &str| {
        let mut problems = findings::unplaced(code, &shown, text, Some(hint.to_owned()));
        problems.inputs = Files::new(Path::new("")).inputs(&bytes);
        problems
    };
    if bytes.len() > FILE_MAX {
        let text = format!("the configuration is larger than {FILE_MAX} bytes");
        let hint = "this is probably not the file that was meant";
        return Err(refused(Code::TooLarge, text, hint));
    }
    let text = std::str::from_utf8(&bytes).map_err(|error| {
        let at = error.valid_up_to();
        let text = format!("the configuration is not UTF-8 text, at byte {at}");
        refused(Code::NotText, text, "save it as UTF-8")
    })?;
    load_text(text, path, environment, overrides)
}

/// Loads `text` as if it were the file at `origin` (which need not exist): relative paths are relative to its folder.
pub fn load_text(
    text: &str,
    origin: &Path,
    environment: &dyn Environment,
    overrides: &Overrides,
) -> Result<Snapshot, Problems> {
    let folder = origin.parent().unwrap_or(Path::new(""));
    load_lent(text, origin, Files::new(folder), (Lending::Everything, environment), overrides)
}

/// Loads a text that somebody posted: it is lent no value that the running revision does not show, no file is read, and its
/// tests are left out. What comes of it tells where events would go; it is not fit to run.
pub fn load_posted(
    text: &str,
    running: &Snapshot,
    environment: &dyn Environment,
    overrides: &Overrides,
) -> Result<Snapshot, Problems> {
    let lending = (Lending::Shown(&running.shown), environment);
    let loaded = load_lent(text, Path::new("<posted>"), Files::sealed(), lending, overrides);
    loaded.map(|snapshot| Snapshot { trials: Vec::new(), ..snapshot })
}

fn load_lent(
    text: &str,
    origin: &Path,
    mut files: Files,
    lending: (Lending<'_>, &dyn Environment),
    overrides: &Overrides,
) -> Result<Snapshot, Problems> {
    let shown = origin.display().to_string();
    let folder = origin.parent().unwrap_or(Path::new(""));
    let mut findings = Findings::new(overrides.advice);
    // A byte order mark is no part of the document, and places are counted without it.
    let body = text.strip_prefix('\u{feff}').unwrap_or(text);
    let lowered = if text.len() > FILE_MAX {
        let text = format!("the configuration is larger than {FILE_MAX} bytes");
        return Err(findings::unplaced(Code::TooLarge, &shown, text, None));
    } else {
        lowered(body, folder, lending, overrides, (&mut files, &mut findings))
    };
    let inputs = files.inputs(text.as_bytes());
    let problems = findings.finish(&shown, body, inputs.clone());
    let hash = ContentHash(Sha256::digest(text).into());
    match lowered {
        Some((Lowered { settings, sources, targets, rules, trials }, filled)) => Ok(Snapshot {
            revision: Revision { number: 0, hash },
            text: text.into(),
            settings,
            sources,
            targets,
            rules,
            trials,
            warnings: problems,
            inputs,
            outside: filled.names.into_iter().collect(),
            shown: filled.shown,
        }),
        None => Err(problems),
    }
}

/// The stages in their order. Each takes place whatever the one before found, unless there is nothing to go on with. Beside
/// what comes of them: what was put in from outside.
fn lowered(
    text: &str,
    folder: &Path,
    (lending, environment): (Lending<'_>, &dyn Environment),
    overrides: &Overrides,
    (files, findings): (&mut Files, &mut Findings),
) -> Option<(Lowered, Filled)> {
    let Some(mut tree) = position::read(text, findings) else {
        for span in mask::known_words(text, shape::keys::is_known) {
            findings.clear(span);
        }
        return None;
    };
    let allows = Allows::read(text, &tree, findings);
    findings.allow(allows);
    if !findings.has_errors()
        && let Some(difference) = agree::difference(text, &tree)
    {
        let (span, text, hint) = match difference {
            Difference::Value(span) => (
                span,
                "two YAML readers read this differently, so one of them reads something else than is meant",
                "put the value in quotes, or write it in a plainer way",
            ),
            Difference::Tab(span) => (
                span,
                "a tab begins this line, which one of two YAML readers does not take for white space",
                "YAML is indented with spaces, never with tabs",
            ),
        };
        findings.error_at(
            Code::ReadDifferently,
            (Some(span), String::new()),
            text,
            hint.to_owned(),
        );
    }
    let filled = env::fill(&mut tree, lending, environment, files, findings);
    let root = tree.root()?;
    shape::check(root, &shape::keys::ROOT, findings);
    lower::lower(root, folder, overrides, files, findings).map(|lowered| (lowered, filled))
}
