//! Apache: `ProxyPass` and its kin, handlers that are proxies, and the modules that ask services of their own.
//!
//! Sections that hold under a condition (`<IfModule>`, `<IfDefine>`) count as read. `.htaccess` files are read in
//! document roots and one level below them, where the configuration lets them override anything.

use std::collections::{BTreeSet, HashMap};

use super::address;
use super::site::{Missing, Place, Site};
use crate::Kind;
use crate::script::Variables;
use syntax::{Form, Statement};

mod directives;
mod jk;
mod proxy;
mod syntax;
#[cfg(test)]
mod tests;

/// Directives in all, those of a file counted as often as it is included.
const STATEMENT_LIMIT: usize = 500_000;

/// Virtual hosts.
const HOST_LIMIT: usize = 10_000;

/// Characters that variables may add in all.
const GROWTH_LIMIT: usize = 16 << 20;

/// Sections within sections.
const SECTION_LIMIT: usize = 100;

/// Variables of `Define`, and the length of a line when they are replaced.
const DEFINE_LIMIT: usize = 10_000;
const LINE_LIMIT: usize = 20_000;

/// Directories below a document root in which `.htaccess` files are looked for.
const HTACCESS_LIMIT: usize = 200;

/// Shell files that set the variables of the server's environment: Debian, RHEL, SUSE.
const ENVIRONMENTS: &[&str] = &["/etc/apache2/envvars", "/etc/sysconfig/httpd", "/etc/sysconfig/apache2"];

/// Sections that hold or not, which only the running server knows.
const CONDITIONS: &[&str] =
    &["ifdefine", "ifmodule", "iffile", "ifversion", "ifdirective", "ifsection", "if", "elseif", "else"];

/// Reads the configuration that begins with the file `main`.
pub(super) fn read(site: &mut Site<'_>, main: &str) {
    let directory = main.rsplit_once('/').map_or("", |(directory, _)| directory);
    let root = directory.strip_suffix("/conf").unwrap_or(directory).to_owned();
    let mut reader = Reader {
        runtime: format!("{root}/run"),
        root,
        environment: environment(site),
        defined: HashMap::new(),
        sections: Vec::new(),
        skipped: None,
        statements: 0,
        growth: 0,
        overrides: false,
        access_files: vec![".htaccess".to_owned()],
        listens: BTreeSet::new(),
        hosts: Vec::new(),
    };
    reader.file(site, main, None);
    reader.endpoints(site);
    if reader.overrides {
        reader.access_files(site);
    }
}

/// Variables of the service's environment.
fn environment(site: &mut Site<'_>) -> Variables {
    let mut variables = Variables::default();
    variables.source("SUFFIX="); // Debian's envvars: only further instances have one
    for path in ENVIRONMENTS {
        if let Ok(text) = site.tree.read_text(path) {
            variables.source(&text); // what cannot be read leaves its variables unknown, which is told where they stand
        }
    }
    variables
}

struct Reader {
    /// `ServerRoot`, where relative paths start.
    root: String,
    /// `DefaultRuntimeDir`, where relative sockets lie.
    runtime: String,
    environment: Variables,
    /// By `Define`.
    defined: HashMap<String, String>,
    /// Names of the sections that are open.
    sections: Vec<String>,
    /// The section whose content is no configuration (`<Perl>`) or not yet (`<Macro>`).
    skipped: Option<String>,
    statements: usize,
    growth: usize,
    /// Whether `.htaccess` files may do anything.
    overrides: bool,
    access_files: Vec<String>,
    /// Ports that `Listen` opens.
    listens: BTreeSet<u16>,
    hosts: Vec<Host>,
}

/// A virtual host.
#[derive(Default)]
struct Host {
    /// `None`: all that are listened on.
    ports: Vec<Option<u16>>,
    names: Vec<String>,
}

impl Reader {
    fn file(&mut self, site: &mut Site<'_>, path: &str, from: Option<&Place>) {
        site.within(path, from, |site, text| self.statements_of(site, text, path));
    }

    fn statements_of(&mut self, site: &mut Site<'_>, text: &str, path: &str) {
        let floor = self.sections.len();
        let mut place = Place { file: path.into(), line: 1 };
        for line in syntax::lines(text) {
            place.line = line.number;
            self.statements += 1;
            if self.statements > STATEMENT_LIMIT {
                site.dark(&place, "more directives than anything honest has");
                break;
            }
            if let Some(section) = &self.skipped {
                if line.closes(section) {
                    self.skipped = None;
                }
                continue;
            }
            let Some(text) = self.replaced(&line.text) else {
                site.dark(&place, "the line is too long");
                continue;
            };
            self.growth += text.len().saturating_sub(line.text.len());
            if self.growth > GROWTH_LIMIT {
                site.dark(&place, "variables make it larger than anything honest is");
                break;
            }
            let statement = Statement::of(&text);
            match statement.form {
                Form::Simple => self.directive(site, &statement, &place),
                Form::Close if self.sections.len() > floor => drop(self.sections.pop()),
                Form::Close => {}
                Form::Open => self.open(site, &statement, &place),
            }
        }
        if self.sections.len() > floor || self.skipped.take().is_some() {
            site.dark(&place, "a section is not closed");
        }
        self.sections.truncate(floor);
    }

    fn open(&mut self, site: &mut Site<'_>, statement: &Statement, place: &Place) {
        match statement.name.as_str() {
            "macro" => self.skipped = Some(statement.name.clone()),
            "perl" => {
                site.dark(place, "a Perl section, which may configure anything");
                self.skipped = Some(statement.name.clone());
            }
            name if self.sections.len() < SECTION_LIMIT => {
                if name == "virtualhost" && self.hosts.len() < HOST_LIMIT {
                    let ports = statement.words.iter().map(|word| port(word)).collect();
                    self.hosts.push(Host { ports, names: Vec::new() });
                }
                self.sections.push(name.to_owned());
            }
            _ => site.dark(place, "sections are nested too deep"),
        }
    }

    /// The virtual host whose section is open.
    fn host(&mut self) -> Option<&mut Host> {
        let is_open = self.sections.iter().any(|section| section == "virtualhost");
        self.hosts.last_mut().filter(|host| is_open && host.names.len() < HOST_LIMIT)
    }

    /// What all files together say. A port without a virtual host takes any name.
    fn endpoints(&self, site: &mut Site<'_>) {
        let mut rest = self.listens.clone();
        for host in &self.hosts {
            let all = host.ports.contains(&None);
            let own = host.ports.iter().copied().flatten();
            let ports: BTreeSet<u16> = if all { self.listens.clone() } else { own.collect() };
            rest.retain(|port| !ports.contains(port));
            site.endpoints(&host.names, &Vec::from_iter(ports));
        }
        if !rest.is_empty() {
            site.endpoints(&[], &Vec::from_iter(rest));
        }
    }

    fn include(&mut self, site: &mut Site<'_>, path: &str, place: &Place, missing: Missing) {
        let conditional = self.sections.iter().any(|s| CONDITIONS.contains(&s.as_str()));
        let missing = if conditional { Missing::Allowed } else { missing };
        for path in site.included(&self.absolute(path), place, missing) {
            self.include_path(site, &path, place);
        }
    }

    /// Of a directory all files below it.
    fn include_path(&mut self, site: &mut Site<'_>, path: &str, place: &Place) {
        if !site.tree.metadata(path).is_ok_and(|meta| meta.is_dir()) {
            return self.file(site, path, Some(place));
        }
        match site.tree.read_dir(path) {
            Ok(entries) => site.deeper(Some(place), |site| {
                for name in entries.into_iter().filter_map(|e| e.name.into_string().ok()) {
                    self.include_path(site, &format!("{path}/{name}"), place);
                }
            }),
            Err(e) => site.unreadable(path, Some(place), &e),
        }
    }

    /// A path as it is meant, relative ones to `ServerRoot`.
    fn absolute(&self, path: &str) -> String {
        if path.starts_with('/') { path.to_owned() } else { format!("{}/{path}", self.root) }
    }

    /// A line with its `${VARIABLES}` replaced, as far as they are known; `None` when it grows beyond all measure.
    fn replaced(&self, text: &str) -> Option<String> {
        let mut out = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("${") {
            out.push_str(before);
            let known = after.split_once('}').and_then(|(name, after)| Some((self.value(name)?, after)));
            let (value, after) = known.unwrap_or(("${", after));
            out.push_str(value);
            rest = after;
            if out.len() > LINE_LIMIT {
                return None;
            }
        }
        out.push_str(rest);
        (out.len() <= LINE_LIMIT).then_some(out)
    }

    fn value(&self, name: &str) -> Option<&str> {
        self.defined.get(name).map(String::as_str).or_else(|| self.environment.get(name))
    }

    /// `.htaccess` files in the document roots and one level below.
    fn access_files(&mut self, site: &mut Site<'_>) {
        for root in site.roots() {
            let below = site.tree.read_dir(&root).unwrap_or_default(); // what is not there serves nothing
            let below = below.into_iter().filter(|e| e.kind == Kind::Dir).take(HTACCESS_LIMIT);
            let below = below.filter_map(|e| Some(format!("{root}/{}", e.name.to_str()?)));
            for directory in std::iter::once(root.clone()).chain(below).collect::<Vec<_>>() {
                for name in self.access_files.clone() {
                    let path = format!("{directory}/{name}");
                    match site.tree.metadata(&path) {
                        Ok(_) => self.file(site, &path, None),
                        Err(e) if e.is_absent() => {}
                        Err(e) => site.unreadable(&path, None, &e),
                    }
                }
            }
        }
    }
}

/// The port in the address of a virtual host; `None` where it stands for all.
fn port(address: &str) -> Option<u16> {
    let has_port = address.rsplit_once(']').map_or(address, |(_, rest)| rest).contains(':');
    if has_port { address::listening_port(address, 80) } else { None }
}
