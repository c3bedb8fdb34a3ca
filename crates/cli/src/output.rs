//! Writing results.

use std::io::{self, IsTerminal as _, Write as _};
use std::path::Path;

use anyhow::Context as _;
use doorward_model::Audit;
use doorward_report::TextStyle;
use serde::Serialize;

use crate::args::Form;
use crate::exit::OutputFailed;

/// Writes a result to standard output. A reader that went away is no error.
pub(crate) fn print(text: &str) -> anyhow::Result<()> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(e) if e.kind() != io::ErrorKind::BrokenPipe => Err(e).context(OutputFailed),
        _ => Ok(()),
    }
}

/// Writes a report to standard output: as JSON, whole, or what is said to people.
pub(crate) fn print_report(
    form: Form,
    report: &impl Serialize,
    text: impl FnOnce() -> String,
) -> anyhow::Result<()> {
    match form {
        Form::Text => print(&text()),
        Form::Json => print(&(serde_json::to_string_pretty(report)? + "\n")),
    }
}

/// Writes an audit as JSON to standard output, piece by piece: of a large host it is larger than all else that is held.
pub(crate) fn print_json(audit: &Audit) -> anyhow::Result<()> {
    let mut out = io::BufWriter::with_capacity(1 << 16, io::stdout().lock());
    match doorward_report::write_json(audit, &mut out).and_then(|()| out.flush()) {
        Err(e) if e.kind() != io::ErrorKind::BrokenPipe => Err(e).context(OutputFailed),
        _ => Ok(()),
    }
}

/// Writes a file as a whole or not at all, readable by its owner alone, and never through a symbolic link.
pub(crate) fn write_file(path: &Path, text: &str) -> anyhow::Result<()> {
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let write = || -> io::Result<()> {
        let mut file = tempfile::NamedTempFile::new_in(folder)?;
        file.write_all(text.as_bytes())?;
        file.as_file().sync_all()?;
        file.persist(path)?;
        Ok(())
    };
    write().with_context(|| path.display().to_string()).context(OutputFailed)
}

/// So many of a thing, in words.
pub(crate) fn count(number: usize, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}

/// How to write for whoever reads standard output.
pub(crate) fn style() -> TextStyle {
    let terminal = io::stdout().is_terminal();
    let colour = terminal
        && std::env::var_os("NO_COLOR").is_none()
        && std::env::var_os("TERM").is_none_or(|t| t != "dumb");
    TextStyle { colour, ..TextStyle::default() }
}
