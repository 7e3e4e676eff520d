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
use crate::config::{self, MapEnvironment, Overrides, Snapshot};
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
    #[arg(long = "agent", value_name = "AGENT_ID")]
    agents: Vec<String>,
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

/// Asks on a terminal. An empty answer is the one that stands in capitals, or none.
fn ask(
    input: &mut dyn BufRead,
    output: &mut dyn Write,
    agents: Vec<String>,
) -> io::Result<Answers> {
    let mut answer = |question: &str| -> io::Result<String> {
        write!(output, "{question} ")?;
        output.flush()?;
        let mut line = String::new();
        (&mut *input).take(ANSWER_MAX).read_line(&mut line)?;
        Ok(line.trim().to_owned())
    };
    let slack = answer("Send summaries of calls to Slack? [Y/n]")?;
    let http = answer("Forward finished calls to an address? (https://…, or nothing)")?;
    let agents = if agents.is_empty() {
        let ids = answer("Only of certain agents? (their ids, or nothing for all)")?;
        ids.split([' ', ',']).filter(|id| !id.is_empty()).map(str::to_owned).collect()
    } else {
        agents
    };
    let slack = !slack.to_ascii_lowercase().starts_with('n');
    Ok(Answers { slack, http: Some(http).filter(|url| !url.is_empty()), agents })
}

/// Loads the text and runs its tests, with stand-ins for the secrets.
fn prove(text: &str) -> Result<Snapshot, Failure> {
    let stand_ins = SECRETS.map(|(name, stand_in, _)| (name.to_owned(), stand_in.to_owned()));
    let environment = MapEnvironment(BTreeMap::from(stand_ins));
    let origin = Path::new("rules.yaml");
    let loaded = config::load_text(text, origin, &environment, &Overrides::default());
    loaded.and_then(trial::prove).map_err(|problems| {
        Failure::new(Exit::Usage, "this makes no good configuration; nothing was written")
            .after(&problems.show(stderr_style()))
    })
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
