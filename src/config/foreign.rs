//! What a text from somebody else is lent of the values that the process knows.
//!
//! The file of the program may take any variable and any file: whoever may write it is trusted with all of them. A text that
//! comes in by the API is not. Its author sees what it says of stored events (names of rules, which events match, what is
//! wrong with it), and each of these would tell a value that it may put into a name, a condition or a list of targets. So
//! it is lent only what its author can see anyhow:
//!
//! - where a value decides where events go, in `rules` and `fallback`: variables that the running revision has in its own
//!   `rules` or `fallback`, whose conditions every explanation shows;
//! - in other places that are no secret, such as a duration: variables that the running revision has in any such place;
//! - everywhere else (keys, tokens, addresses, headers, templates) nothing: where an event goes does not depend on it, so
//!   its default, or [`STAND_IN`], is as good.
//!
//! What [`super::redact`] hid before the text was posted counts as such a value that is not lent, so a running file can be taken as it
//! is shown, changed and posted.
//!
//! No file is opened, whatever names it, not even to see whether it is there.

use std::collections::BTreeSet;

use super::document::{Node, Piece};
use super::shape::Place;
use crate::secret::Secret;

/// What stands for a value that is not looked up: as a key of Standard Webhooks it has the right form, and so as any other.
pub(super) const STAND_IN: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
/// The same where it is the whole of a key or a text.
const WHOLE: &str = "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
/// The same where an address begins: a host that there cannot be (RFC 6761).
const ORIGIN: &str = "https://preview.invalid";

/// What to do without a variable.
pub(super) const NOT_LENT: &str =
    "give it a default for the preview, or reload with the file itself";

/// The variables that stand where values are shown.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Shown {
    rules: BTreeSet<String>,
    elsewhere: BTreeSet<String>,
}

impl Shown {
    pub(super) fn add(&mut self, place: Place, name: &str) {
        match place {
            Place::Closed => {}
            Place::Rules => {
                self.rules.insert(name.to_owned());
            }
            Place::Elsewhere => {
                self.elsewhere.insert(name.to_owned());
            }
        }
    }
}

/// Which values a text is lent.
#[derive(Debug, Clone, Copy)]
pub(super) enum Lending<'s> {
    /// All of them: it is the program's own file.
    Everything,
    /// What the running revision shows.
    Shown(&'s Shown),
}

impl Lending<'_> {
    /// Whether a mask at such a place stands for what is not told.
    pub(super) fn hides(self, place: Place) -> bool {
        matches!(self, Self::Shown(_)) && place == Place::Closed
    }

    /// Whether the value of a variable may be put in at such a place.
    pub(super) fn lends(self, place: Place, name: &str) -> bool {
        match (self, place) {
            (Self::Everything, _) => true,
            (Self::Shown(_), Place::Closed) => false,
            (Self::Shown(shown), Place::Rules) => shown.rules.contains(name),
            (Self::Shown(shown), Place::Elsewhere) => {
                shown.rules.contains(name) || shown.elsewhere.contains(name)
            }
        }
    }
}

/// Why there is no value.
pub(super) fn not_lent(name: &str) -> String {
    format!(
        "the variable {name} is not looked up for a posted text: the running revision has it in no such place"
    )
}

/// That its default is taken.
pub(super) fn by_default(name: &str) -> String {
    format!(
        "the default of {name} is taken here: the running revision has it in no such place, so it is not looked up"
    )
}

/// Puts other stand-ins where the general one has not got the form that its place demands.
pub(super) fn stand_ins(node: Node<'_>, mut pieces: Vec<Piece>) -> Vec<Piece> {
    let stands = |piece: &Piece| matches!(piece, Piece::Inserted { value, .. } if value.expose() == STAND_IN);
    if Place::is_address(node) {
        for at in 0..pieces.len() {
            let text = |piece: Option<&Piece>| match piece {
                Some(Piece::Written(text)) => text.clone(),
                _ => String::new(),
            };
            let before = text(at.checked_sub(1).and_then(|before| pieces.get(before)));
            let after = text(pieces.get(at + 1));
            let instead = match at {
                0 if after.starts_with("://") => "https",
                0 => ORIGIN,
                _ if before.ends_with("://") => "preview.invalid",
                _ if before.ends_with(':') => "443",
                _ => continue,
            };
            replace(&mut pieces, at, instead);
        }
    } else if let [only] = pieces.as_slice()
        && stands(only)
    {
        replace(&mut pieces, 0, WHOLE);
    }
    pieces
}

fn replace(pieces: &mut [Piece], at: usize, instead: &str) {
    if let Some(Piece::Inserted { value, .. }) = pieces.get_mut(at)
        && value.expose() == STAND_IN
    {
        *value = Secret::new(instead);
    }
}
