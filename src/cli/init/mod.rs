//! `init`: a first configuration, made from a few answers.
//!
//! It is proved before it is written, and a file that is there is never touched. Secrets are not asked for: they stay in the
//! environment, and the file names them.

mod text;

use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::io::{self, BufRead, IsTerminal as _, Read as _, Write};
use std::path::{Path, PathBuf};

use super::exit::{Exit, Failure};
use super::files::STDIN;
use super::output::{Out, stderr_style};
use crate::config::{self, Level, MapEnvironment, Overrides, Problems, Snapshot};
use crate::trial;

use text::{SECRETS, configuration};

/// The longest answer that is read, in bytes.
const ANSWER_MAX: u64 = 4 << 10;

/// Write a first configuration, with comments
///
/// On a terminal it asks where events go, unless --slack or --http says so. Keys and secret addresses are not asked for: the file
/// takes them from variables.
#[derive(Debug, clap::Args)]
pub(super) struct Init {
    /// Where to write it; `-` is standard output. A file that is there is left as it is
    #[arg(value_name = "FILE", default_value = "rules.yaml")]
    file: PathBuf,
    /// Send summaries of calls to Slack, to the webhook in `SLACK_WEBHOOK_URL`
    #[arg(long)]
    slack: bool,
    /// Forward finished calls to this address
    #[arg(long, value_name = "URL")]
    http: Option<String>,
    /// Only of this agent; may be given several times
    #[arg(long = "agent", value_name = "AGENT_ID", value_parser = agent)]
    agents: Vec<String>,
}

/// An agent's id: an empty one, as of a variable that is not set, would be of no agent.
fn agent(text: &str) -> Result<String, &'static str> {
    match text.trim() {
        "" => Err("an agent's id is not empty"),
        id => Ok(id.to_owned()),
    }
}

/// What the configuration is made from.
#[derive(Debug, Default, PartialEq, Eq)]
struct Answers {
    slack: bool,
    http: Option<String>,
    agents: Vec<String>,
}

impl Init {
    pub(super) fn execute(self) -> Result<Exit, Failure> {
        let said = self.slack || self.http.is_some();
        let printed = self.file.as_os_str() == STDIN;
        // Before anybody answers questions in vain.
        if !printed && self.file.exists() {
            return Err(taken(&self.file));
        }
        if !printed && let Some(folder) = missing_folder(&self.file) {
            return Err(no_folder(&self.file, folder));
        }
        if let Some(why) = self.http.as_deref().and_then(unusable) {
            return Err(Failure::new(Exit::Usage, format!("--http: {why}")));
        }
        let given = Answers { slack: self.slack || !said, http: self.http, agents: self.agents };
        let answers = if said || !io::stdin().is_terminal() {
            given
        } else {
            let asked = ask(&mut io::stdin().lock(), &mut io::stderr(), given.agents);
            asked.map_err(|error| Failure::because(Exit::Io, "no answer could be read", &error))?
        };
        let text = configuration(&answers);
        drop(prove(&text)?);
        if printed {
            Out::stdout().line(text.trim_end())?;
        } else {
            write(&self.file, &text)?;
            Out::stdout().line(&next_steps(&self.file, &text))?;
        }
        Ok(Exit::Ok)
    }
}

/// Asks on a terminal, each question until its answer can be used. An empty answer is the one that stands in capitals, or none;
/// so is the end of the input.
fn ask(
    input: &mut dyn BufRead,
    output: &mut dyn Write,
    agents: Vec<String>,
) -> io::Result<Answers> {
    let mut talk = Talk { input, output };
    let slack = talk.answer("Send summaries of calls to Slack? [Y/n]", |said| {
        if said.is_empty() || is_yes(said) {
            Ok(true)
        } else if is_no(said) {
            Ok(false)
        } else {
            Err("Answer y or n.".to_owned())
        }
    })?;
    let http = "Forward finished calls to an address? (https://…, or nothing)";
    let http = talk.answer(http, |said| match said {
        none if none.is_empty() || is_no(none) => Ok(None),
        url => unusable(url).map_or_else(
            || Ok(Some(url.to_owned())),
            |why| Err(format!("That cannot be used: {why}.")),
        ),
    })?;
    let agents = if agents.is_empty() {
        talk.answer("Only of certain agents? (their ids, or nothing for all)", |said| {
            let said = if is_no(said) { "" } else { said };
            Ok(said.split([' ', ',']).filter(|id| !id.is_empty()).map(str::to_owned).collect())
        })?
    } else {
        agents
    };
    Ok(Answers { slack, http, agents })
}

/// Questions and answers.
struct Talk<'t> {
    input: &'t mut dyn BufRead,
    output: &'t mut dyn Write,
}

impl Talk<'_> {
    /// Asks until `read` takes the answer, and says each time why it does not.
    fn answer<T>(
        &mut self,
        question: &str,
        read: impl Fn(&str) -> Result<T, String>,
    ) -> io::Result<T> {
        loop {
            write!(self.output, "{question} ")?;
            self.output.flush()?;
            let mut line = String::new();
            (&mut *self.input).take(ANSWER_MAX).read_line(&mut line)?;
            match read(line.trim()) {
                Ok(answer) => return Ok(answer),
                Err(why) => writeln!(self.output, "{why}")?,
            }
        }
    }
}

fn is_yes(said: &str) -> bool {
    ["y", "yes"].iter().any(|yes| said.eq_ignore_ascii_case(yes))
}

fn is_no(said: &str) -> bool {
    ["n", "no"].iter().any(|no| said.eq_ignore_ascii_case(no))
}

/// Why an address cannot be a target's, if it cannot: `check` would say so of a file that nobody has seen yet.
fn unusable(url: &str) -> Option<String> {
    let only = Answers { slack: false, http: Some(url.to_owned()), agents: Vec::new() };
    let problems = loaded(&configuration(&only)).err()?;
    if !["https://", "http://"].iter().any(|scheme| url.starts_with(scheme)) {
        return Some("an address begins with https:// or http://".to_owned());
    }
    let first = problems.list.into_iter().find(|problem| problem.level == Level::Error);
    Some(first.map_or_else(|| "it is no address".to_owned(), |problem| problem.text))
}

/// Loads the text and runs its tests, with stand-ins for the secrets.
fn prove(text: &str) -> Result<Snapshot, Failure> {
    loaded(text).map_err(|problems| {
        Failure::new(Exit::Usage, "this makes no good configuration; nothing was written")
            .after(&problems.show(stderr_style()))
    })
}

fn loaded(text: &str) -> Result<Snapshot, Problems> {
    let stand_ins = SECRETS.map(|(name, stand_in, _)| (name.to_owned(), stand_in.to_owned()));
    let environment = MapEnvironment(BTreeMap::from(stand_ins));
    let origin = Path::new("rules.yaml");
    let loaded = config::load_text(text, origin, &environment, &Overrides::default());
    loaded.and_then(trial::prove)
}

/// The folder that `path` would be in, if there is none.
fn missing_folder(path: &Path) -> Option<&Path> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty())?;
    (!folder.exists()).then_some(folder)
}

fn no_folder(path: &Path, folder: &Path) -> Failure {
    let (file, folder) = (path.display(), folder.display());
    Failure::new(Exit::CannotCreate, format!("cannot write {file}: there is no folder {folder}"))
        .hint(format!("make the folder first: mkdir -p {folder}"))
}

fn write(path: &Path, text: &str) -> Result<(), Failure> {
    let file = OpenOptions::new().write(true).create_new(true).open(path);
    file.and_then(|mut file| file.write_all(text.as_bytes())).map_err(|error| {
        if error.kind() == io::ErrorKind::AlreadyExists {
            return taken(path);
        }
        let what = format!("cannot write {}", path.display());
        Failure::because(Exit::CannotCreate, &what, &error)
    })
}

fn taken(path: &Path) -> Failure {
    Failure::new(Exit::CannotCreate, format!("{} is there already", path.display())).hint(
        "it is left as it is; name another file, or print the new one with `hookswitch init -`",
    )
}

fn next_steps(path: &Path, text: &str) -> String {
    let file = path.display();
    let mut lines = vec![format!("{file} is written. What comes next:")];
    for (name, _, what) in SECRETS.iter().filter(|(name, ..)| text.contains(*name)) {
        lines.push(format!("  export {name}=…    # {what}"));
    }
    lines.push(format!("  hookswitch check {file}"));
    lines.push(format!("  hookswitch run --config {file}"));
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(typed: &str) -> Answers {
        ask(&mut typed.as_bytes(), &mut Vec::new(), Vec::new()).unwrap()
    }

    #[test]
    fn answers_are_taken_as_they_are_meant() {
        let slack = Answers { slack: true, ..Answers::default() };
        assert_eq!(asked("\n\n\n"), slack);
        assert_eq!(asked(""), slack, "who hangs up takes what is offered");
        let both = asked("y\nhttps://crm.example.com/hooks\n agent_1, agent_2\n");
        assert_eq!(both.http.as_deref(), Some("https://crm.example.com/hooks"));
        assert_eq!(both.agents, ["agent_1", "agent_2"]);
        assert_eq!(asked("No\n\n\n"), Answers::default());
        assert_eq!(asked("n\nn\nno\n"), Answers::default(), "no is nothing, to each question");
    }

    #[test]
    fn what_is_no_answer_is_asked_again() {
        let mut said = Vec::new();
        let typed = "x\n3\nnope\nn\ncrm.example.com\nftp://h/\nhttps://crm.example.com/h\n\n";
        let answers = ask(&mut typed.as_bytes(), &mut said, Vec::new()).unwrap();
        let http = Some("https://crm.example.com/h".to_owned());
        assert_eq!(answers, Answers { http, ..Answers::default() });
        let said = String::from_utf8(said).unwrap();
        assert_eq!(said.matches("Answer y or n.").count(), 3, "{said}");
        assert_eq!(said.matches("begins with https:// or http://").count(), 2, "{said}");
        let metadata = unusable("http://169.254.169.254/latest").unwrap();
        assert!(metadata.contains("link-local"), "{metadata}");
    }

    #[test]
    fn an_agent_has_an_id() {
        assert_eq!(agent(" agent_1 "), Ok("agent_1".to_owned()));
        assert!(agent("").is_err() && agent(" ").is_err());
    }

    #[test]
    fn every_choice_makes_a_good_configuration() {
        for slack in [true, false] {
            for http in [None, Some("https://crm.example.com/hooks?a=\"b\"".to_owned())] {
                for agents in [vec![], vec!["agent_1".to_owned()], vec!["a".into(), "b: #".into()]]
                {
                    let answers = Answers { slack, http: http.clone(), agents };
                    let text = configuration(&answers);
                    let proved = prove(&text).unwrap_or_else(|failure| panic!("{failure}\n{text}"));
                    assert!(proved.warnings.list.is_empty(), "{}\n{text}", proved.warnings);
                }
            }
        }
    }

    #[test]
    fn an_answer_that_is_none_is_told_with_its_place() {
        let answers = Answers { http: Some("ftp://example.com".to_owned()), ..Answers::default() };
        let failure = prove(&configuration(&answers)).unwrap_err();
        assert_eq!(failure.exit(), Exit::Usage);
        assert!(failure.to_string().contains("ftp"), "{failure}");
    }
}
