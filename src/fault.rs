//! Places where a test stops the process, and bugs that a test plants. Without the feature `faults` this is nothing: every
//! call is `false` or empty and is compiled away, and with it no build without debug assertions is possible, so no release
//! can carry it.
//!
//! A *point* is named where a crash would hurt most: `HOOKSWITCH_POINT=store.after-commit=kill@40` ends the process with
//! SIGKILL when it passes there for the 40th time. A *plant* is a bug that the fault suite must notice:
//! `HOOKSWITCH_PLANT=reply-before-commit`. Both are read once.

/// A bug that can be planted. `tests/faults/planted` shows for each which scenario notices it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Plant {
    /// An event is answered before its commit.
    ReplyBeforeCommit,
    /// SQLite does not wait for the disk.
    SynchronousOff,
    /// Repeats are not remembered across a restart.
    ForgetSeen,
    /// What became of every 50th attempt is not recorded.
    LoseSettle,
    /// Every 50th fresh delivery is let go of.
    DropOnFull,
    /// Only the beginning of a signature's digest is compared.
    ComparePrefix,
    /// `Retry-After` delays nothing.
    IgnoreRetryAfter,
    /// A reload publishes a configuration although it has errors.
    PublishUnchecked,
    /// A worker of a target that panics is not noticed.
    SwallowPanic,
    /// Bodies have no limit.
    NoBodyLimit,
    /// Stored bodies are not held against their checksums.
    SkipChecksum,
    /// The data folder is opened without a lock.
    NoLock,
    /// A failed sync is taken for a full disk, and tried again.
    RetrySync,
    /// Every event says that the first revision has routed it.
    LoseRevision,
    /// Text in a Slack message is not escaped.
    NoEscape,
    /// The Host header of the admin listener is not looked at.
    AnyHost,
}

#[cfg(feature = "faults")]
mod real {
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::Plant;

    #[cfg(not(debug_assertions))]
    compile_error!(
        "the feature `faults` plants bugs: it is for the fault suite, never for a release"
    );

    const PLANTS: [(&str, Plant); 16] = [
        ("reply-before-commit", Plant::ReplyBeforeCommit),
        ("synchronous-off", Plant::SynchronousOff),
        ("forget-seen", Plant::ForgetSeen),
        ("lose-settle", Plant::LoseSettle),
        ("drop-on-full", Plant::DropOnFull),
        ("compare-prefix", Plant::ComparePrefix),
        ("ignore-retry-after", Plant::IgnoreRetryAfter),
        ("publish-unchecked", Plant::PublishUnchecked),
        ("swallow-panic", Plant::SwallowPanic),
        ("no-body-limit", Plant::NoBodyLimit),
        ("skip-checksum", Plant::SkipChecksum),
        ("no-lock", Plant::NoLock),
        ("retry-sync", Plant::RetrySync),
        ("lose-revision", Plant::LoseRevision),
        ("no-escape", Plant::NoEscape),
        ("any-host", Plant::AnyHost),
    ];

    #[expect(
        clippy::disallowed_methods,
        reason = "these builds are told by their environment what to break"
    )]
    fn told(name: &str) -> Option<String> {
        std::env::var(name).ok().filter(|text| !text.is_empty())
    }

    /// Whether this bug was asked for.
    pub(crate) fn planted(plant: Plant) -> bool {
        static TOLD: OnceLock<Option<Plant>> = OnceLock::new();
        *TOLD.get_or_init(|| {
            let name = told("HOOKSWITCH_PLANT")?;
            let known = PLANTS.iter().find(|(known, _)| *known == name);
            Some(known.expect("HOOKSWITCH_PLANT names a bug of this list").1)
        }) == Some(plant)
    }

    /// Ends the process here, if it was told to.
    pub(crate) fn point(name: &str) {
        static TOLD: OnceLock<Option<(String, u64)>> = OnceLock::new();
        static PASSED: AtomicU64 = AtomicU64::new(0);
        let told = TOLD.get_or_init(|| {
            let text = told("HOOKSWITCH_POINT")?;
            let (point, passes) =
                text.split_once("=kill@").expect("HOOKSWITCH_POINT is NAME=kill@N");
            Some((point.to_owned(), passes.parse().expect("a number of passes")))
        });
        if let Some((point, passes)) = told
            && point == name
            && PASSED.fetch_add(1, Ordering::Relaxed) + 1 >= *passes
        {
            let me = rustix::process::getpid();
            rustix::process::kill_process(me, rustix::process::Signal::KILL)
                .expect("a process may kill itself");
            std::process::abort();
        }
    }
}

#[cfg(feature = "faults")]
pub(crate) use real::{planted, point};

/// Never, in a build without the feature.
#[cfg(not(feature = "faults"))]
#[inline]
pub(crate) const fn planted(_: Plant) -> bool {
    false
}

/// Nothing, in a build without the feature.
#[cfg(not(feature = "faults"))]
#[inline]
pub(crate) const fn point(_: &str) {}
