//! HTTP within one deadline: one set of cookies, bodies up to a limit, redirects that stay where they may go.

use std::io::{self, Read as _, Write as _};
use std::sync::Arc;

use ureq::Agent;
use ureq::http::{Method, Request, Uri};
use ureq::unversioned::resolver::{ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{
    Buffers, ConnectionDetails, Connector, LazyBuffers, NextTimeout, Transport,
};
use url::Url;

use crate::file::{Site, Tls};
use crate::net::{CertificateRefused, Network, Trusted, Wire};

/// Redirects that are followed.
const MOST_REDIRECTS: usize = 10;
/// Headers of an answer, in bytes.
const LARGEST_HEADERS: usize = 256 << 10;

/// A visitor of a site. Everything that it does ends at its network's deadline.
#[derive(Debug)]
pub(crate) struct Client<'a> {
    site: &'a Site,
    agent: Agent,
    size_limit: u64,
}

/// What is asked.
#[derive(Debug, Clone)]
pub(crate) struct Question {
    pub(crate) method: Method,
    pub(crate) url: Url,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Question {
    pub(crate) fn get(url: Url) -> Self {
        Self { method: Method::GET, url, headers: Vec::new(), body: Vec::new() }
    }
}

/// What is answered.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    /// Whose answer it is, after redirects.
    pub(crate) url: Url,
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    /// The body is longer than the limit; what is beyond was not read.
    pub(crate) cut: bool,
}

impl Answer {
    /// The first value of a header.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unanswered {
    #[error(
        "a redirect to {0}, which is not of the site (name its host in hosts or outside, or set follow = false)"
    )]
    OffSite(Url),
    #[error("more than {MOST_REDIRECTS} redirects, the last to {0}")]
    Loop(Url),
    #[error("a redirect to {0:?}, which is no address")]
    NoAddress(String),
    #[error("{0}")]
    Unsendable(String),
    #[error("{0}")]
    Refused(CertificateRefused),
    #[error("{0}")]
    Failed(String),
}

impl<'a> Client<'a> {
    pub(crate) fn new(
        site: &'a Site,
        network: Network,
        trusted: Arc<Trusted>,
        tls: Tls,
        size_limit: u64,
    ) -> Self {
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .proxy(None)
            .allow_non_standard_methods(true)
            .max_response_header_size(LARGEST_HEADERS)
            .user_agent(concat!("doorward/", env!("CARGO_PKG_VERSION")))
            .build();
        let wires = Wires { network, trusted, tls };
        let agent = Agent::with_parts(config, wires.clone(), wires);
        Self { site, agent, size_limit }
    }

    /// Asks, and follows redirects if told to.
    pub(crate) fn ask(&self, question: Question, follow: bool) -> Result<Answer, Unanswered> {
        let mut question = question;
        for _ in 0..=MOST_REDIRECTS {
            let answer = self.once(&question)?;
            let redirect = matches!(answer.status, 301 | 302 | 303 | 307 | 308);
            let Some(to) = answer.header("location").filter(|_| follow && redirect) else {
                return Ok(answer);
            };
            let to = question.url.join(to).map_err(|_| Unanswered::NoAddress(to.to_owned()))?;
            if !matches!(to.scheme(), "http" | "https")
                || !self.site.allows(to.host_str().unwrap_or_default())
            {
                return Err(Unanswered::OffSite(to));
            }
            // RFC 9110, 15.4: 307 and 308 ask the same again, the others ask for what came of it.
            if !matches!(answer.status, 307 | 308) && question.method != Method::HEAD {
                question.method = Method::GET;
                question.body = Vec::new();
                question.headers.retain(|(name, _)| !name.to_ascii_lowercase().starts_with("content-"));
            }
            if to.origin() != question.url.origin() {
                // What was meant for one server is not told to another.
                question.headers.clear();
            }
            question.url = to;
        }
        Err(Unanswered::Loop(question.url))
    }

    fn once(&self, question: &Question) -> Result<Answer, Unanswered> {
        let unsendable = |e: &dyn std::fmt::Display| Unanswered::Unsendable(format!("cannot be sent: {e}"));
        let mut address = question.url.clone();
        address.set_fragment(None);
        let uri: Uri = address.as_str().parse().map_err(|e| unsendable(&e))?;
        let mut request = Request::builder().method(question.method.clone()).uri(uri);
        for (name, value) in &question.headers {
            request = request.header(name, value);
        }
        let sent = if question.body.is_empty() && !takes_body(&question.method) {
            self.agent.run(request.body(()).map_err(|e| unsendable(&e))?)
        } else {
            let request = request.body(question.body.as_slice()).map_err(|e| unsendable(&e))?;
            self.agent.run(request)
        };
        let (parts, body) = sent.map_err(failed)?.into_parts();
        let headers = parts
            .headers
            .iter()
            .map(|(name, value)| (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned()))
            .collect();
        let mut read = Vec::new();
        let limit = self.size_limit;
        body.into_with_config()
            .limit(u64::MAX)
            .reader()
            .take(limit + 1)
            .read_to_end(&mut read)
            .map_err(|e| failed(ureq::Error::from(e)))?;
        let cut = read.len() as u64 > limit;
        read.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
        Ok(Answer { url: question.url.clone(), status: parts.status.as_u16(), headers, body: read, cut })
    }
}

fn takes_body(method: &Method) -> bool {
    [Method::POST, Method::PUT, Method::PATCH].contains(method)
}

fn failed(error: ureq::Error) -> Unanswered {
    match error {
        ureq::Error::Io(error) => match CertificateRefused::take(&error) {
            Some(refused) => Unanswered::Refused(refused),
            None => Unanswered::Failed(error.to_string()),
        },
        ureq::Error::Other(error) => Unanswered::Failed(error.to_string()),
        error => Unanswered::Failed(error.to_string()),
    }
}

/// Looks names up and connects, for the library.
#[derive(Debug, Clone)]
struct Wires {
    network: Network,
    trusted: Arc<Trusted>,
    tls: Tls,
}

impl Resolver for Wires {
    fn resolve(
        &self,
        uri: &Uri,
        _: &ureq::config::Config,
        _: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, ureq::Error> {
        let host = uri.host().unwrap_or_default();
        let port = uri.port_u16().unwrap_or(if uri.scheme_str() == Some("https") { 443 } else { 80 });
        let mut addresses = self.empty();
        for address in self.network.resolve(host, port)?.into_iter().take(16) {
            addresses.push(address);
        }
        Ok(addresses)
    }
}

impl Connector<()> for Wires {
    type Out = Line;

    fn connect(&self, details: &ConnectionDetails<'_>, _: Option<()>) -> Result<Option<Line>, ureq::Error> {
        let stream = self.network.connect(&details.addrs)?;
        let wire = if details.needs_tls() {
            let config = self.trusted.config(&self.tls).map_err(io::Error::other)?;
            stream.secure(details.uri.host().unwrap_or_default(), config)?
        } else {
            Wire::Plain(stream)
        };
        let config = details.config;
        let buffers = LazyBuffers::new(config.input_buffer_size(), config.output_buffer_size());
        Ok(Some(Line { wire, buffers }))
    }
}

/// A connection as the library wants it. Time limits are the connection's own.
#[derive(Debug)]
struct Line {
    wire: Wire,
    buffers: LazyBuffers,
}

impl Transport for Line {
    fn buffers(&mut self) -> &mut dyn Buffers {
        &mut self.buffers
    }

    fn transmit_output(&mut self, amount: usize, _: NextTimeout) -> Result<(), ureq::Error> {
        self.wire.write_all(&self.buffers.output()[..amount])?;
        Ok(self.wire.flush()?)
    }

    fn await_input(&mut self, _: NextTimeout) -> Result<bool, ureq::Error> {
        let read = self.wire.read(self.buffers.input_append_buf())?;
        self.buffers.input_appended(read);
        Ok(read > 0)
    }

    fn is_open(&mut self) -> bool {
        self.wire.is_quiet()
    }

    fn is_tls(&self) -> bool {
        self.wire.is_secure()
    }
}
