//! Every way in which a configuration file is written, with real files and the real watcher.
//!
//! Where a test is about the watcher, the poll is an hour away, so that nothing else can have seen the change.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use hookswitch::clock::{Clock as _, Manual, Timestamp};
use hookswitch::config::{self, MapEnvironment, Overrides, Published, Snapshot};
use hookswitch::reload::{Finding, Parts, Reload, ReloadError, Reloaded};
use hookswitch::store::Store as _;
use hookswitch::store::memory::Memory;
use hookswitch::tasks::Tasks;
use hookswitch::telemetry::Metrics;
use tempfile::TempDir;
use tokio::sync::watch;
use tokio::time::timeout;

use crate::support::{PATIENCE, eventually};

/// Changes are found by listening alone.
const LISTENING: Finding = Finding { watch: true, poll: Duration::from_hours(1) };
/// Changes are found by looking alone.
const LOOKING: Finding = Finding { watch: false, poll: Duration::from_millis(20) };

/// A configuration whose one rule has this name.
fn rules(name: &str) -> String {
    format!(
        "version: 1\nsources:\n  retell: {{ path: /webhook, verify: none }}\ntargets:\n  out: {{ kind: log }}\nrules:\n  - name: {name}\n    to: [out]\n"
    )
}

struct World {
    folder: TempDir,
    path: PathBuf,
    store: Arc<Memory>,
    published: Published,
    changes: watch::Receiver<u64>,
    metrics: Arc<Metrics>,
    tasks: Tasks,
    reload: Reload,
}

impl World {
    /// Starts on `rules.yaml` in a new folder, which `prepare` fills.
    async fn new(finding: Finding, prepare: impl FnOnce(&Path)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rules.yaml");
        prepare(folder.path());
        let environment = Arc::new(MapEnvironment::default());
        let store = Arc::new(Memory::new());
        let clock = Arc::new(Manual::new(Timestamp::from_millis(1_700_000_000_000)));
        let mut first = load(&path, &environment);
        let text = Arc::clone(&first.text);
        first.revision = store.add_revision(text, first.revision.hash, clock.now()).await.unwrap();
        let published = Published::new(Arc::new(first));
        let changes = published.subscribe();
        let (metrics, tasks) = (Arc::new(Metrics::new()), Tasks::new());
        let parts = Parts {
            path: path.clone(),
            environment,
            overrides: Overrides::default(),
            store: store.clone(),
            published: published.clone(),
            clock,
            metrics: Arc::clone(&metrics),
            tasks: tasks.clone(),
        };
        let reload = Reload::start_with(parts, finding);
        Self { folder, path, store, published, changes, metrics, tasks, reload }
    }

    /// Starts on a plain file with the rule `first`.
    async fn plain(finding: Finding) -> Self {
        Self::new(finding, |folder| write(&folder.join("rules.yaml"), &rules("first"))).await
    }

    fn write(&self, text: &str) {
        write(&self.path, text);
    }

    fn revision(&self) -> u64 {
        self.published.load().revision.number
    }

    /// The name of the running rule.
    fn rule(&self) -> String {
        self.published.load().rules.rules()[0].name.to_string()
    }

    /// Waits until the running rule has this name.
    async fn runs(&mut self, name: &str) {
        let seen = async {
            while self.rule() != name {
                self.changes.changed().await.unwrap();
            }
        };
        let seen = timeout(PATIENCE, seen).await;
        assert!(seen.is_ok(), "{name} never ran; {:?}", self.reload.refused().map(|p| p.list));
    }

    /// Waits until the last load was refused, or was not.
    async fn refuses(&self, refused: bool) {
        let what = if refused { "the file is refused" } else { "the file is taken" };
        eventually(what, async || (self.reload.refused().is_some() == refused).then_some(())).await;
    }

    fn metric(&self, name: &str) -> String {
        let text = self.metrics.encode();
        let value = text.lines().find_map(|line| line.strip_prefix(name));
        value.unwrap_or_else(|| panic!("{name} is not in\n{text}")).trim().to_owned()
    }

    fn successful(&self) -> bool {
        self.metric("hookswitch_config_last_reload_successful ") == "1"
    }

    /// It is published first and counted then.
    async fn succeeds(&self) {
        eventually("the load counts as successful", async || self.successful().then_some(())).await;
    }

    async fn end(self) {
        assert!(self.tasks.stop(PATIENCE).await);
    }
}

fn load(path: &Path, environment: &MapEnvironment) -> Snapshot {
    config::load(path, environment, &Overrides::default())
        .unwrap_or_else(|problems| panic!("{problems}"))
}

fn write(path: &Path, text: &str) {
    fs::write(path, text).unwrap();
}

/// Writes beside `path` and renames over it, as editors and careful programs do.
fn replace(path: &Path, text: &str) {
    let beside = path.with_extension("tmp");
    write(&beside, text);
    fs::rename(beside, path).unwrap();
}

/// A new version of a `ConfigMap`: a folder, and the link `..data` renamed to point there.
fn swap(mount: &Path, version: &str, text: &str) {
    let data = mount.join(version);
    fs::create_dir(&data).unwrap();
    write(&data.join("rules.yaml"), text);
    symlink(version, mount.join("..data_tmp")).unwrap();
    let old = fs::read_link(mount.join("..data")).ok();
    fs::rename(mount.join("..data_tmp"), mount.join("..data")).unwrap();
    if let Some(old) = old {
        fs::remove_dir_all(mount.join(old)).unwrap();
    }
}

#[tokio::test]
async fn a_rule_that_comes_to_watch_is_counted_from_zero() {
    let mut world = World::plain(Finding::default()).await;
    world.write(&rules("second").replace("name: second", "name: second\n    mode: shadow"));
    world.runs("second").await;
    world.succeeds().await;
    let series = r#"hookswitch_rule_shadow_matches_total{rule="second"}"#;
    assert_eq!(world.metric(series), "0");
    world.write(&rules("third"));
    world.runs("third").await;
    eventually("it is counted no more", async || {
        (!world.metrics.encode().contains("shadow_matches_total{")).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_config_map_swap_is_seen() {
    let mut world = World::new(LISTENING, |mount| {
        swap(mount, "..2026_0", &rules("first"));
        symlink("..data/rules.yaml", mount.join("rules.yaml")).unwrap();
    })
    .await;
    for version in 1..=3 {
        swap(world.folder.path(), &format!("..2026_{version}"), &rules(&format!("swap {version}")));
        world.runs(&format!("swap {version}")).await;
    }
    assert_eq!(world.revision(), 4);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_save_by_rename_is_seen() {
    let mut world = World::plain(LISTENING).await;
    for version in 1..=3 {
        replace(&world.path, &rules(&format!("save {version}")));
        world.runs(&format!("save {version}")).await;
    }
    assert_eq!(world.revision(), 4);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_half_written_file_changes_nothing() {
    let mut world = World::plain(LISTENING).await;
    let whole = rules("whole");
    let (half, _) = whole.split_at(whole.len() / 2);
    for half in [half, "", "version: 1\n", "\0\u{1}\u{2}", "rules: [{name: x"] {
        world.write(half);
        world.refuses(true).await;
        assert_eq!((world.rule().as_str(), world.revision()), ("first", 1), "after {half:?}");
        assert!(!world.successful());
        world.write(&rules("first"));
        world.refuses(false).await;
        assert!(world.successful());
    }
    world.write(&whole);
    world.runs("whole").await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_file_changes_nothing_until_it_is_back() {
    let mut world = World::plain(LISTENING).await;
    fs::remove_file(&world.path).unwrap();
    world.refuses(true).await;
    let problems = world.reload.refused().unwrap();
    assert!(problems.to_string().contains("rules.yaml"), "{problems}");
    assert_eq!(world.revision(), 1);
    world.write(&rules("back"));
    world.runs("back").await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_removed_folder_is_watched_again_once_it_is_back() {
    let finding = Finding { watch: true, poll: Duration::from_millis(20) };
    let mut world = World::plain(finding).await;
    let away = world.folder.path().with_extension("away");
    fs::rename(world.folder.path(), &away).unwrap();
    world.refuses(true).await;
    fs::create_dir(world.folder.path()).unwrap();
    world.write(&rules("another folder"));
    world.runs("another folder").await;
    fs::remove_dir_all(away).unwrap();
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_file_changes_nothing() {
    let mut world = World::plain(LISTENING).await;
    fs::remove_file(&world.path).unwrap();
    fs::create_dir(&world.path).unwrap();
    world.refuses(true).await;
    assert_eq!(world.revision(), 1);
    fs::remove_dir(&world.path).unwrap();
    world.write(&rules("after a folder"));
    world.runs("after a folder").await;

    fs::remove_file(&world.path).unwrap();
    symlink("nowhere", &world.path).unwrap();
    world.refuses(true).await;
    replace(&world.path, &rules("after a dangling link"));
    world.runs("after a dangling link").await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_file_is_told_and_mended() {
    let mut world = World::plain(LISTENING).await;
    world.write(&rules("broken").replace("to: [out]", "to: [nobody]"));
    world.refuses(true).await;
    let refused = world.reload.now().await.unwrap_err();
    assert!(
        matches!(&refused, ReloadError::Refused(problems) if problems.to_string().contains("nobody")),
        "{refused:?}"
    );
    assert_eq!(world.revision(), 1);
    world.write(&rules("mended"));
    world.runs("mended").await;
    world.refuses(false).await;
    assert_eq!(world.revision(), 2);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_old_time_stamp_hides_nothing() {
    for finding in [LISTENING, LOOKING] {
        let mut world = World::plain(finding).await;
        let beside = world.path.with_extension("restored");
        write(&beside, &rules("second"));
        let old = std::time::SystemTime::UNIX_EPOCH + Duration::from_hours(24);
        fs::File::options().write(true).open(&beside).unwrap().set_modified(old).unwrap();
        fs::rename(beside, &world.path).unwrap();
        world.runs("second").await;
        world.end().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_the_configuration_names_counts() {
    let secrets = tempfile::tempdir().unwrap();
    let key = secrets.path().join("key");
    write(&key, "first-key-first-key-first-key-1234");
    let text = rules("first").replace(
        "verify: none",
        &format!("verify: {{ retell: [\"${{file:{}}}\"] }}", key.display()),
    );
    let mut world = World::new(LISTENING, |folder| write(&folder.join("rules.yaml"), &text)).await;
    let before = world.published.load();
    replace(&key, "second-key-second-key-second-key-1");
    timeout(PATIENCE, world.changes.changed()).await.expect("it is published again").unwrap();
    let after = world.published.load();
    assert!(!Arc::ptr_eq(&before, &after));
    assert_eq!(after.text, before.text);
    assert_eq!(after.revision, before.revision, "the text is the same");

    fs::remove_file(&key).unwrap();
    world.refuses(true).await;
    assert!(Arc::ptr_eq(&after, &world.published.load()));
    write(&key, "third-key-third-key-third-key-1234");
    timeout(PATIENCE, world.changes.changed()).await.expect("it is published again").unwrap();
    world.refuses(false).await;
    world.end().await;
}

/// Rules with one test, whose event is in a file, and which must pass or need not.
fn tested(name: &str, required: bool) -> String {
    let rules = rules(name);
    format!(
        "{rules}tests:\n  - {{ name: it, event: events/it.json, expect: {{ rules: [{name}] }} }}\nreload: {{ require_tests: {required} }}\n"
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn a_test_that_must_pass_refuses_the_file_until_its_event_is_mended() {
    let mut world = World::plain(LISTENING).await;
    fs::create_dir(world.folder.path().join("events")).unwrap();
    let event = world.folder.path().join("events/it.json");
    write(&event, "[]");
    world.write(&tested("second", true));
    world.refuses(true).await;
    assert_eq!((world.rule().as_str(), world.revision()), ("first", 1));
    assert!(!world.successful());
    let told = world.reload.refused().unwrap().to_string();
    assert!(
        told.contains("the test \"it\" fails: event: ") && told.contains("rules.yaml:10:"),
        "{told}"
    );
    write(&event, "{}");
    world.runs("second").await;
    world.succeeds().await;

    write(&event, "[1]");
    world.refuses(true).await;
    assert_eq!(world.revision(), 2, "what runs goes on");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_test_that_need_not_pass_is_a_warning() {
    let mut world = World::plain(LISTENING).await;
    world.write(&tested("second", false));
    world.runs("second").await;
    let running = world.published.load();
    assert!(running.warnings.to_string().contains("the test \"it\" fails"), "{}", running.warnings);
    assert!(running.trials.is_empty());
    world.succeeds().await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_hundred_quick_writes_the_last_runs() {
    let mut world = World::plain(LISTENING).await;
    for version in 1..=100 {
        let text = rules(&format!("write {version}"));
        if version % 2 == 0 { world.write(&text) } else { replace(&world.path, &text) }
    }
    world.runs("write 100").await;
    let unchanged = world.reload.now().await.unwrap();
    assert_eq!(unchanged, Reloaded::Unchanged(world.published.load().revision));
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn looking_is_enough_where_nothing_can_be_heard() {
    let mut world = World::plain(LOOKING).await;
    replace(&world.path, &rules("second"));
    world.runs("second").await;
    world.write(&rules("third"));
    world.runs("third").await;
    world.write("rules: [");
    world.refuses(true).await;
    world.write(&rules("fourth"));
    world.runs("fourth").await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_load_at_once_and_revisions_only_grow() {
    let never = Finding { watch: false, poll: Duration::from_hours(1) };
    let world = World::plain(never).await;
    let first = world.published.load().revision;
    assert_eq!(world.reload.now().await.unwrap(), Reloaded::Unchanged(first));
    let mut last = first.number;
    for round in 0..20 {
        world.write(&rules(&format!("round {round}")));
        let calls = (0..8).map(|_| {
            let reload = world.reload.clone();
            world.tasks.piece("call", async move { reload.now().await.unwrap() })
        });
        let calls: Vec<_> = calls.collect();
        for call in calls {
            let (Reloaded::Published(revision) | Reloaded::Unchanged(revision)) =
                call.await.unwrap();
            assert_eq!(revision.number, last + 1, "a call sees what was written before it");
        }
        last += 1;
        assert_eq!((world.rule(), world.revision()), (format!("round {round}"), last));
    }
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_stored_does_not_run() {
    let world = World::plain(LOOKING).await;
    world.store.close().await.unwrap();
    world.write(&rules("second"));
    let failed = world.reload.now().await.unwrap_err();
    assert!(matches!(failed, ReloadError::Store(_)), "{failed:?}");
    assert_eq!((world.rule().as_str(), world.revision()), ("first", 1));
    assert!(!world.successful());
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn addresses_wait_for_a_restart_and_everything_else_does_not() {
    let mut world = World::plain(LISTENING).await;
    let listen = world.published.load().settings.listen;
    let text = format!("listen: 127.0.0.1:9\ndrain_delay: 3s\n{}", rules("second"));
    world.write(&text);
    world.runs("second").await;
    let settings = world.published.load().settings.clone();
    assert_eq!((settings.listen, settings.drain_delay), (listen, Duration::from_secs(3)));
    let told = async || (world.reload.restart_pending() == ["listen"]).then_some(());
    eventually("the key is told", told).await;
    assert_eq!(world.metric("hookswitch_config_restart_pending "), "1");

    world.write(&rules("third"));
    world.runs("third").await;
    let forgotten = async || world.reload.restart_pending().is_empty().then_some(());
    eventually("the key is forgotten", forgotten).await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_removed_target_is_gone_from_the_snapshot() {
    let two = rules("first").replace("rules:", "  old: { kind: log }\nrules:");
    let mut world = World::new(LISTENING, |folder| write(&folder.join("rules.yaml"), &two)).await;
    assert_eq!(world.published.load().targets.len(), 2);
    world.write(&rules("second"));
    world.runs("second").await;
    assert_eq!(world.published.load().targets.len(), 1);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn once_stopped_a_call_says_so() {
    let world = World::plain(LOOKING).await;
    let reload = world.reload.clone();
    world.end().await;
    assert!(matches!(reload.now().await, Err(ReloadError::Store(_))));
}
