use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// An installed application that may need services: a `WordPress`, a GitLab.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct Application {
    /// Its id in the knowledge base.
    pub id: String,
    /// Where: the directory, or the package's name.
    pub place: String,
    /// How it was recognised: `/var/www/html/wp-config.php`, `package wordpress 6.1.9`.
    pub evidence: String,
    /// Settings that tell what it needs and where (`database-host` = `localhost`). No secrets.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub settings: BTreeMap<String, String>,
}
