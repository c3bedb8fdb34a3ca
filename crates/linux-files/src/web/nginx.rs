//! nginx: `proxy_pass` and its kin, `upstream` blocks, variables as far as they are set to texts.

use std::collections::{HashMap, HashSet};

use super::address;
use super::site::{Missing, Place, Site};
use syntax::{End, Lexer, Statement};
use variables::Variables;

mod resolve;
mod syntax;
#[cfg(test)]
mod tests;
mod variables;

/// Statements in all, those of a file counted as often as it is included.
const STATEMENT_LIMIT: usize = 500_000;

/// Blocks within blocks.
const BLOCK_LIMIT: usize = 100;

/// Places that pass requests on, and blocks of servers.
const PASS_LIMIT: usize = 10_000;

/// Where packages put what a relative path starts from (`nginx -V`, `--prefix`): Debian and RHEL, Alpine, nginx.org.
const PREFIXES: &[&str] = &["/usr/share/nginx", "/var/lib/nginx", "/etc/nginx", "/usr/local/nginx"];

/// Reads the configuration that begins with the file `main`.
pub(super) fn read(site: &mut Site<'_>, main: &str) {
    let directory = main.rsplit_once('/').map_or("", |(directory, _)| directory).to_owned();
    let mut reader = Reader { directory, ..Reader::default() };
    reader.file(site, main, None);
    reader.resolve(site);
}

/// The part of nginx that a block configures; each has its own names of `upstream` blocks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
enum Module {
    #[default]
    Http,
    Stream,
    Mail,
}

/// A block that is open.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Block {
    Module(Module),
    /// The servers of an `upstream`, by its name.
    Upstream(String),
    /// Values that a variable can take.
    Values(String),
    /// The last of the virtual hosts.
    Server,
    Other,
}

/// A directive that passes requests on.
struct Pass {
    module: Module,
    directive: String,
    target: String,
    place: Place,
}

/// A virtual host: what one `server` block says.
#[derive(Default)]
struct Host {
    module: Module,
    names: Vec<String>,
    /// `None` for each address without a TCP port.
    listens: Vec<Option<u16>>,
}

/// A server in an `upstream` block.
struct Member {
    target: Option<String>,
    shown: String,
    place: Place,
}

#[derive(Default)]
struct Reader {
    /// Where relative includes start.
    directory: String,
    blocks: Vec<Block>,
    statements: usize,
    variables: Variables,
    passes: Vec<Pass>,
    groups: HashMap<(Module, String), Vec<Member>>,
    /// Those whose servers are among the upstreams: the first place that names them is told.
    resolved: HashSet<(Module, String)>,
    roots: Vec<String>,
    hosts: Vec<Host>,
    /// As the file has them; `None` until one is set.
    logs: Option<Vec<String>>,
    members: usize,
}

impl Reader {
    fn file(&mut self, site: &mut Site<'_>, path: &str, from: Option<&Place>) {
        site.within(path, from, |site, text| self.statements_of(site, text, path));
    }

    fn statements_of(&mut self, site: &mut Site<'_>, text: &str, path: &str) {
        let floor = self.blocks.len();
        let mut place = Place { file: path.into(), line: 1 };
        let mut lexer = Lexer::new(text);
        while let Some(statement) = lexer.next() {
            place.line = statement.line;
            self.statements += 1;
            if self.statements > STATEMENT_LIMIT {
                site.dark(&place, "more directives than anything honest has");
                break;
            }
            match statement.end {
                End::Close if self.blocks.len() > floor => drop(self.blocks.pop()),
                End::Close => site.dark(&place, "a closing brace without an opening one"),
                End::Cut => site.dark(&place, "the file ends within a directive"),
                End::Simple => self.simple(site, &statement, &place),
                End::Open => {
                    if self.blocks.len() >= BLOCK_LIMIT {
                        site.dark(&place, "blocks are nested too deep");
                        break;
                    }
                    let block = self.block(site, &statement, &place);
                    self.blocks.push(block);
                    if statement.word(0).ends_with("_by_lua_block") {
                        lexer.skip_lua();
                        self.blocks.pop();
                    }
                }
            }
        }
        if self.blocks.len() > floor && !lexer.is_stopped() {
            site.dark(&place, "a block is not closed");
        }
        self.blocks.truncate(floor);
    }

    fn module(&self) -> Module {
        let module = |b: &Block| if let Block::Module(m) = b { Some(*m) } else { None };
        self.blocks.iter().rev().find_map(module).unwrap_or_default()
    }

    /// The virtual host whose block is open.
    fn host(&mut self) -> Option<&mut Host> {
        self.hosts.last_mut().filter(|host| {
            self.blocks.contains(&Block::Server) && host.names.len().max(host.listens.len()) < PASS_LIMIT
        })
    }

    /// The block that a statement opens.
    fn block(&mut self, site: &mut Site<'_>, statement: &Statement, place: &Place) -> Block {
        let variable = || Block::Values(statement.last().trim_start_matches('$').to_owned());
        match statement.word(0) {
            "http" => Block::Module(Module::Http),
            "stream" => Block::Module(Module::Stream),
            "mail" => Block::Module(Module::Mail),
            "server" if self.hosts.len() < PASS_LIMIT => {
                self.hosts.push(Host { module: self.module(), ..Host::default() });
                Block::Server
            }
            "upstream" => {
                let name = statement.word(1).to_ascii_lowercase();
                if self.groups.len() < PASS_LIMIT {
                    self.groups.entry((self.module(), name.clone())).or_default();
                }
                Block::Upstream(name)
            }
            "map" | "geo" | "split_clients" => {
                let block = variable();
                if let Block::Values(name) = &block {
                    self.variables.declare(name);
                }
                block
            }
            word => {
                self.script(site, word, statement, place);
                Block::Other
            }
        }
    }

    fn simple(&mut self, site: &mut Site<'_>, statement: &Statement, place: &Place) {
        let word = statement.word(0);
        if word == "include" {
            let path = statement.word(1);
            let path =
                if path.starts_with('/') { path.to_owned() } else { format!("{}/{path}", self.directory) };
            for file in site.included(&path, place, Missing::Failure) {
                self.file(site, &file, Some(place));
            }
            return;
        }
        match self.blocks.last() {
            Some(Block::Upstream(name)) if word == "server" => {
                let name = name.clone();
                return self.member(name, statement, place);
            }
            Some(Block::Values(variable)) => {
                // `proxy` and `delete` in `geo` name networks, not values.
                if statement.words.len() == 2 && !matches!(word, "proxy" | "delete") {
                    self.variables.set(variable, statement.word(1));
                }
                return;
            }
            _ => {}
        }
        match word {
            "set" => self.variables.set(statement.word(1).trim_start_matches('$'), statement.word(2)),
            "auth_request_set" => self.variables.obscure(statement.word(1)),
            "root" | "alias" if self.module() == Module::Http => {
                self.roots.push(statement.word(1).to_owned());
            }
            "server_name" if self.module() != Module::Mail => {
                let names = statement.words[1..].iter().map(|name| name.trim_start_matches('.'));
                names.clone().for_each(|name| site.name(name));
                if let Some(host) = self.host() {
                    host.names.extend(names.map(str::to_owned));
                }
            }
            "listen" => {
                // HTTP/3 listens beside TCP on the same port.
                let is_tcp = !statement.words.iter().skip(2).any(|w| matches!(w.as_str(), "udp" | "quic"));
                let port = address::listening_port(statement.word(1), 80).filter(|_| is_tcp);
                if let Some(host) = self.host() {
                    host.listens.push(port);
                }
            }
            "access_log" if self.module() == Module::Http => {
                self.logs.get_or_insert_default().push(statement.word(1).to_owned());
            }
            "resolver" => {
                // Names of servers are asked there, whose port is DNS's own when none is given (its documentation).
                let is_server = |w: &&String| !w.contains('=') && !w.contains('$');
                for server in statement.words[1..].iter().filter(is_server) {
                    site.upstream_or_dark(address::host_port(server, Some(53)), server, place, word);
                }
            }
            "auth_http" | "pass" if self.module() == Module::Http => {}
            "auth_http" => self.pass(site, statement, place),
            word if word.ends_with("_pass") => self.pass(site, statement, place),
            word => self.script(site, word, statement, place),
        }
    }

    /// Code in the configuration may connect to anything.
    fn script(&mut self, site: &mut Site<'_>, word: &str, statement: &Statement, place: &Place) {
        let lua = word.ends_with("_by_lua") || word.contains("_by_lua_");
        let js = matches!(
            word,
            "js_access" | "js_content" | "js_filter" | "js_periodic" | "js_preread" | "js_set"
        );
        let perl = matches!(word, "perl" | "perl_set" | "perl_require" | "perl_modules");
        if lua || js || perl {
            site.dark(place, format!("{word} runs a script, which may connect to anything"));
        }
        if word.starts_with("set_by_lua") || matches!(word, "js_set" | "perl_set") {
            self.variables.obscure(statement.word(1));
        }
    }

    fn pass(&mut self, site: &mut Site<'_>, statement: &Statement, place: &Place) {
        if self.passes.len() >= PASS_LIMIT {
            return site.dark(place, "more places that pass requests on than anything honest has");
        }
        self.passes.push(Pass {
            module: self.module(),
            directive: statement.word(0).to_owned(),
            target: statement.word(1).to_owned(),
            place: place.clone(),
        });
    }

    /// A server of an `upstream` block. One that is marked down gets no requests.
    fn member(&mut self, name: String, statement: &Statement, place: &Place) {
        let is_down = statement.words.iter().skip(2).any(|w| w == "down");
        self.members += 1;
        if is_down || self.members > PASS_LIMIT {
            return;
        }
        let shown = statement.word(1).to_owned();
        let default_port = (self.module() == Module::Http).then_some(80);
        let target = match shown.strip_prefix("unix:") {
            Some(path) => address::socket_path(path),
            None => address::host_port(&shown, default_port),
        };
        let member = Member { target, shown, place: place.clone() };
        self.groups.entry((self.module(), name)).or_default().push(member);
    }
}
