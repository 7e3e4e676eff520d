//! The client of a running instance's API: where it is, how one shows oneself, and what its refusals mean.

use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use url::Url;

use super::exit::{Exit, Failure};
use super::files;
use super::http::{Answer, Ask, Flow, Http, Opened};
use super::output::{Form, Out, OutputArgs};
use crate::admin::wire::ErrorBody;
use crate::explain::readable;
use crate::secret::Secret;

/// The variable with the token. There is no option for it, because a command line can be read by others.
const TOKEN: &str = "HOOKSWITCH_ADMIN_TOKEN";

/// The variable with the address, for those who do not give it as an option.
const ADMIN: &str = "HOOKSWITCH_ADMIN";
/// Where the API answers if nobody says.
const USUAL: &str = "http://127.0.0.1:8081";

/// The options of every command that speaks to a running instance.
#[derive(Debug, clap::Args)]
pub(super) struct AdminArgs {
    /// Where the instance's API answers. Without it: `HOOKSWITCH_ADMIN`, `http://127.0.0.1:8081`. Its token, if it has one, is read from `HOOKSWITCH_ADMIN_TOKEN`
    #[arg(long, value_name = "URL", value_parser = address)]
    admin: Option<Url>,
}

/// An address with or without its scheme.
pub(super) fn address(text: &str) -> Result<Url, String> {
    let text = if text.contains("://") { text.to_owned() } else { format!("http://{text}") };
    let url = Url::parse(&text).map_err(|error| error.to_string())?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(format!("{}: is neither http nor https", url.scheme()));
    }
    Ok(url)
}

/// The token as it stands in a variable: files that it is taken from often end with a line end.
fn token(text: &str) -> Result<Secret, Failure> {
    let token =
        text.strip_suffix('\n').map_or(text, |line| line.strip_suffix('\r').unwrap_or(line));
    if token.is_empty() || !token.chars().all(|c| c.is_ascii_graphic()) {
        let text = format!(
            "the variable {TOKEN} holds no token: it has blanks or other signs in it that no token has"
        );
        return Err(Failure::new(Exit::Usage, text));
    }
    Ok(Secret::new(token))
}

/// The API of one instance.
#[derive(Debug)]
pub(super) struct Api {
    http: Http,
    base: Url,
    token: Option<Secret>,
    /// The options that say where it is.
    chosen_by: &'static str,
}

/// What the API told: JSON, not read yet, so that programs get it as it is.
#[derive(Debug)]
pub(super) struct Told(Bytes);

impl Api {
    /// The one that the options name.
    pub(super) fn new(args: &AdminArgs) -> Result<Self, Failure> {
        let base = if let Some(url) = &args.admin {
            url.clone()
        } else {
            let text = files::variable(ADMIN).unwrap_or_else(|| USUAL.to_owned());
            address(&text).map_err(|why| {
                Failure::new(Exit::Usage, format!("the variable {ADMIN} is no address: {why}"))
                    .hint(format!("set it to an address such as {USUAL}"))
            })?
        };
        Self::at(base, "--admin or HOOKSWITCH_ADMIN")
    }

    /// The one at `base`, which the option `chosen_by` names.
    pub(super) fn at(base: Url, chosen_by: &'static str) -> Result<Self, Failure> {
        let http = Http::new()?;
        Ok(Self {
            http,
            base,
            token: files::variable(TOKEN).as_deref().map(token).transpose()?,
            chosen_by,
        })
    }

    /// Where it is.
    pub(super) fn origin(&self) -> String {
        self.base.origin().ascii_serialization()
    }

    /// Asks for something. Empty parameters are left out.
    pub(super) async fn get(
        &self,
        path: &[&str],
        query: &[(&str, Option<String>)],
    ) -> Result<Told, Failure> {
        self.ask(&self.asked(path, query)?, None).await
    }

    fn asked(&self, path: &[&str], query: &[(&str, Option<String>)]) -> Result<Url, Failure> {
        let mut url = self.url(path)?;
        let given = query.iter().filter_map(|(name, value)| Some((name, value.as_ref()?)));
        for (name, value) in given {
            url.query_pairs_mut().append_pair(name, value);
        }
        Ok(url)
    }

    /// Asks for something as a text for people. Nothing in it can draw on a terminal.
    pub(super) async fn get_text(
        &self,
        path: &[&str],
        query: &[(&str, Option<String>)],
    ) -> Result<String, Failure> {
        let url = self.asked(path, query)?;
        let answer = self.fetch(&url, None, Some("text/plain")).await?;
        let text = |kind: &str| kind.starts_with("text/plain");
        if !(answer.ok() && answer.header("content-type").is_some_and(text)) {
            let origin = self.base.origin().ascii_serialization();
            return Err(self
                .read(&url, &answer, &origin)
                .err()
                .unwrap_or_else(|| wrong_place(&origin, self.chosen_by)));
        }
        Ok(readable(&String::from_utf8_lossy(&answer.body)))
    }

    /// Asks for the exact bytes of something.
    pub(super) async fn get_bytes(&self, path: &[&str]) -> Result<Bytes, Failure> {
        let url = self.url(path)?;
        let answer = self.fetch(&url, None, None).await?;
        if answer.ok() && answer.header("content-disposition").is_some() {
            return Ok(answer.body);
        }
        let origin = self.base.origin().ascii_serialization();
        Err(self
            .read(&url, &answer, &origin)
            .err()
            .unwrap_or_else(|| wrong_place(&origin, self.chosen_by)))
    }

    /// Tells it to do something, and gives back what it says of why it did not, if it looked at what it was given (422).
    pub(super) async fn try_post<T: Serialize>(
        &self,
        path: &[&str],
        body: &T,
    ) -> Result<Result<Told, (Told, Failure)>, Failure> {
        let url = self.url(path)?;
        let answer = self.fetch(&url, Some(encoded(body)?), None).await?;
        match self.read(&url, &answer, &self.origin()) {
            Ok(told) => Ok(Ok(told)),
            Err(failure) if answer.status == 422 => Ok(Err((Told(answer.body), failure))),
            Err(failure) => Err(failure),
        }
    }

    /// Tells it to do something.
    pub(super) async fn post<T: Serialize>(
        &self,
        path: &[&str],
        body: &T,
    ) -> Result<Told, Failure> {
        self.ask(&self.url(path)?, Some(encoded(body)?)).await
    }

    fn url(&self, path: &[&str]) -> Result<Url, Failure> {
        let mut url = self.base.clone();
        url.path_segments_mut()
            .map_err(|()| Failure::new(Exit::Usage, format!("{} cannot have a path", self.base)))?
            .pop_if_empty()
            .extend(path);
        Ok(url)
    }

    async fn ask(&self, url: &Url, body: Option<Bytes>) -> Result<Told, Failure> {
        let answer = self.fetch(url, body, None).await?;
        self.read(url, &answer, &self.base.origin().ascii_serialization())
    }

    /// Opens a stream, from behind a place of it if there is one.
    pub(super) async fn open(
        &self,
        path: &[&str],
        query: &[(&str, Option<String>)],
        place: Option<&str>,
    ) -> Result<Flow, Failure> {
        let url = self.asked(path, query)?;
        let headers = place.map(|place| ("last-event-id", place.to_owned()));
        self.flow(&url, "text/event-stream", headers.into_iter().collect(), None).await
    }

    /// Tells it to do something whose answer comes in lines. That it has no time for it is no refusal.
    pub(super) async fn post_lines<T: Serialize>(
        &self,
        path: &[&str],
        body: &T,
    ) -> Result<Flow, Failure> {
        let headers = vec![("content-type", "application/json".to_owned())];
        self.flow(&self.url(path)?, "application/x-ndjson", headers, Some(encoded(body)?)).await
    }

    /// Asks for an answer of that kind which goes on.
    async fn flow(
        &self,
        url: &Url,
        kind: &'static str,
        mut headers: Vec<(&'static str, String)>,
        body: Option<Bytes>,
    ) -> Result<Flow, Failure> {
        headers.extend(self.credentials());
        headers.push(("accept", kind.to_owned()));
        let origin = self.origin();
        let opened = self.http.open(url, Ask { headers, body }).await;
        let answer = match opened.map_err(|why| self.unreachable(&why))? {
            Opened::Flow(flow) => {
                let wanted = |given: &str| given.starts_with(kind);
                let right = flow.header("content-type").is_some_and(wanted);
                return if right { Ok(flow) } else { Err(wrong_place(&origin, self.chosen_by)) };
            }
            Opened::Answer(answer) => answer,
        };
        let failure = self.read(url, &answer, &origin).err();
        let failure = failure.unwrap_or_else(|| wrong_place(&origin, self.chosen_by));
        Err(match (answer.status, failure) {
            (503, Failure::Told { message, hint, details, .. }) => {
                Failure::Told { exit: Exit::Unreachable, message, hint, details }
            }
            (_, failure) => failure,
        })
    }

    fn unreachable(&self, why: &str) -> Failure {
        Failure::new(Exit::Unreachable, format!("cannot reach {}: {why}", self.origin())).hint(
            format!("is it running? Its log shows the address; {} chooses another", self.chosen_by),
        )
    }

    fn credentials(&self) -> Vec<(&'static str, String)> {
        let token = self.token.as_ref();
        token
            .map(|token| ("authorization", format!("Bearer {}", token.expose())))
            .into_iter()
            .collect()
    }

    async fn fetch(
        &self,
        url: &Url,
        body: Option<Bytes>,
        accept: Option<&str>,
    ) -> Result<Answer, Failure> {
        let mut headers = self.credentials();
        headers.extend(accept.map(|kind| ("accept", kind.to_owned())));
        if body.is_some() {
            headers.push(("content-type", "application/json".to_owned()));
        }
        let answer = self.http.ask(url, Ask { headers, body }).await;
        answer.map_err(|why| self.unreachable(&why))
    }

    fn read(&self, url: &Url, answer: &Answer, origin: &str) -> Result<Told, Failure> {
        let json = |kind: &str| kind.contains("json");
        if !answer.header("content-type").is_some_and(json) {
            return Err(wrong_place(origin, self.chosen_by));
        }
        if answer.ok() {
            return Ok(Told(answer.body.clone()));
        }
        let said = serde_json::from_slice::<ErrorBody>(&answer.body).unwrap_or_default();
        let failure = Failure::new(Exit::Findings, super::output::clean(&said.detail));
        let failure =
            said.text.iter().fold(failure, |failure, text| failure.after(&readable(text)));
        Err(match (answer.status, &self.token) {
            // A fixed path is unknown only to something else than the API.
            (404, _) if !names_something(url) => wrong_place(origin, self.chosen_by),
            (401, None) => failure.hint(format!("set {TOKEN}")),
            (401, Some(_)) => failure.hint(format!("{TOKEN} has another token than the instance")),
            _ => failure,
        })
    }
}

/// Whether a path names an event or a target, which there may be none of.
fn names_something(url: &Url) -> bool {
    ["/events/", "/targets/"].iter().any(|part| url.path().contains(part))
}

fn encoded<T: Serialize>(body: &T) -> Result<Bytes, Failure> {
    let encoded = serde_json::to_vec(body);
    let failed = |error| Failure::because(Exit::Internal, "the question has no JSON", &error);
    encoded.map(Bytes::from).map_err(failed)
}

fn wrong_place(origin: &str, chosen_by: &str) -> Failure {
    Failure::new(
        Exit::Unreachable,
        format!("what answers at {origin} is not the API of hookswitch"),
    )
    .hint(format!(
        "{chosen_by} takes the address of the admin API (8081), not the one for webhooks (8080)"
    ))
}

impl Told {
    /// Reads it.
    pub(super) fn read<T: DeserializeOwned>(&self) -> Result<T, Failure> {
        serde_json::from_slice(&self.0).map_err(|error| {
            Failure::because(Exit::Unreachable, "the answer is not what was asked for", &error)
                .hint("is the instance of another version?")
        })
    }
}

impl OutputArgs {
    /// Prints what was told: as it is for programs, by `text` for people.
    pub(super) fn show<T: DeserializeOwned>(
        self,
        told: &Told,
        text: impl FnOnce(&T, &Out) -> String,
    ) -> Result<(), Failure> {
        let mut out = Out::stdout();
        match self.form {
            Form::Json => out.json(&told.read::<Value>()?),
            Form::Text => {
                let text = text(&told.read()?, &out);
                out.line(&text)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_may_lack_its_scheme() {
        assert_eq!(address("127.0.0.1:8081").unwrap().as_str(), "http://127.0.0.1:8081/");
        assert_eq!(address("https://ops.example.com/hs").unwrap().path(), "/hs");
        assert!(address("ftp://example.com").is_err());
        assert!(address("").is_err());
    }

    #[test]
    fn paths_are_appended_and_encoded() {
        let args = AdminArgs { admin: Some(address("https://ops.example.com/hs/").unwrap()) };
        let url = Api::new(&args).unwrap().url(&["api", "v1", "targets", "a/b", "pause"]).unwrap();
        assert_eq!(url.as_str(), "https://ops.example.com/hs/api/v1/targets/a%2Fb/pause");
    }
}
