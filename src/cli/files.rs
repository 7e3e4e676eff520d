//! Finding and reading what a command is given: the configuration, and event files.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use bytes::Bytes;

use super::exit::{Exit, Failure};
use crate::config::{Environment, ProcessEnvironment};

/// Where the configuration is looked for if nobody says, in this order.
const PLACES: [&str; 2] = ["rules.yaml", "/etc/hookswitch/rules.yaml"];

/// The largest event file: well over anything that Retell sends.
const EVENT_MAX: u64 = 64 << 20;

/// What stands for standard input in place of a file's name.
pub(super) const STDIN: &str = "-";

/// The variable that names the configuration.
const CONFIG: &str = "HOOKSWITCH_CONFIG";

/// The configuration to use: the one that was named (on the command line, else by `HOOKSWITCH_CONFIG`), or the first that is there.
pub(super) fn configuration(named: Option<&Path>, exit: Exit) -> Result<PathBuf, Failure> {
    if let Some(path) = named {
        return Ok(path.to_owned());
    }
    if let Some(path) = variable(CONFIG) {
        return Ok(path.into());
    }
    PLACES.iter().map(PathBuf::from).find(|path| path.exists()).ok_or_else(|| {
        Failure::new(
            exit,
            format!("no configuration: looked for ./{} and {}", PLACES[0], PLACES[1]),
        )
        .hint("name one on the command line or in HOOKSWITCH_CONFIG; `hookswitch init` writes a first one, `hookswitch demo` needs none")
    })
}

/// The value of an environment variable. An empty one counts as not set: that is how compose files and shells leave one out.
pub(super) fn variable(name: &str) -> Option<String> {
    ProcessEnvironment.variable(name).filter(|value| !value.is_empty())
}

/// An event from a file, or from standard input if it is `-`.
pub(super) fn event(path: &Path) -> Result<Bytes, Failure> {
    let read = if path.as_os_str() == STDIN {
        bounded(io::stdin().lock())
    } else {
        File::open(path).and_then(bounded)
    };
    let body = read.map_err(|error| {
        Failure::because(Exit::Usage, &format!("cannot read {}", path.display()), &error)
    })?;
    if body.is_empty() {
        return Err(Failure::new(Exit::Usage, format!("{} is empty", path.display())));
    }
    Ok(body)
}

fn bounded(source: impl Read) -> io::Result<Bytes> {
    let mut body = Vec::new();
    source.take(EVENT_MAX + 1).read_to_end(&mut body)?;
    if u64::try_from(body.len()).unwrap_or(u64::MAX) > EVENT_MAX {
        return Err(io::Error::other("it is larger than 64 MiB, which no event is"));
    }
    Ok(body.into())
}
