use serde::{Deserialize, Serialize};

/// How an application is recognised: any one match suffices.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Marker {
    /// Its id.
    pub id: String,
    /// Names of packages; `*` matches any text.
    pub packages: Vec<String>,
    /// Files. On Linux absolute or relative to a document root (`../artisan` lies beside the root), where `*` matches
    /// within a name. On Windows relative to what a site serves (`web.config`), or absolute, where variables may stand
    /// (`%ProgramFiles%\App`); there case means nothing, and no sign stands for others.
    pub files: Vec<String>,
    /// Names of units that run; `*` matches any text.
    pub units: Vec<String>,
    /// Settings that are read.
    pub settings: Vec<Setting>,
}

/// A setting read from an application's configuration. Never one that holds a secret ([`crate::secret`]).
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Setting {
    /// Name by which needs refer to it: `database-host`. Of several with one name the last that has a value counts.
    pub name: String,
    /// Files to look in, absolute or relative to where the application was found; `*` matches within a name on Linux.
    /// The first that has the setting counts.
    pub files: Vec<String>,
    /// Regular expression over the whole file, `^` and `$` at its lines (`(?m)`), letters ASCII; its first group is
    /// the value.
    pub pattern: String,
}
