//! Applications in what IIS serves, recognised by files, with the settings that say what they need.
//!
//! What to look for is told by the caller ([`doorward_applications::Marker`]): the knowledge of applications is not here. It is looked for in
//! the directories behind web sites and their virtual ones, two directories deep, on the drive that Windows is on.

use std::collections::BTreeMap;
use std::path::PathBuf;

use doorward_applications::Marker;
use doorward_model::{AccessSetting, Application, Facts, Iis, Subject, Unseen};

use crate::Disk;
use crate::image_path::Variables;
use drive::Drive;
use settings::Reader;

mod drive;
mod find;
mod settings;

/// Instances of one application; more are not told.
const INSTANCE_LIMIT: usize = 200;

/// What IIS serves, as far as its configuration tells.
#[derive(Debug, Default)]
pub(crate) struct Places {
    /// Directories as they are written.
    directories: Vec<String>,
}

/// One place where an application was found.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Find {
    dir: PathBuf,
    evidence: PathBuf,
    /// Whether it is not below another directory that is looked into: a site's own, or an absolute one.
    is_top: bool,
}

impl Places {
    /// The directories of `iis`, those that IIS 2 and 3 served and later ones took over, and the usual one where the
    /// configuration cannot be read in full.
    pub(crate) fn of(iis: Option<&Iis>, mut directories: Vec<String>, settings: &[AccessSetting]) -> Self {
        let Some(iis) = iis else { return Self::default() };
        let roots = settings.iter().filter(|s| s.topic == "IIS" && s.name.starts_with("W3SVC "));
        directories.extend(roots.filter_map(|s| s.value.split(',').next()).map(str::to_owned));
        if !iis.complete {
            directories.push(r"%SystemDrive%\inetpub\wwwroot".to_owned());
        }
        directories.retain(|path| !path.trim().is_empty());
        directories.sort();
        directories.dedup();
        Self { directories }
    }
}

/// The applications, sorted.
pub(crate) fn collect(
    disk: &Disk,
    markers: &[Marker],
    places: &Places,
    variables: &Variables,
) -> Facts<Vec<Application>> {
    if markers.is_empty() {
        return Facts::default();
    }
    let Some(root) = &disk.root else {
        let unseen = (!places.directories.is_empty()).then(|| {
            let why = "the drive that its sites lie on was not given";
            Unseen::new(Subject::Applications, "applications in the sites of IIS", why)
                .with_remedy("audit the mounted system disk")
        });
        return Facts { value: Vec::new(), unseen: unseen.into_iter().collect() };
    };
    let drive = Drive::new(root, variables);
    let mut unseen = Vec::new();
    let found = find::by_files(&drive, markers, &places.directories, &mut unseen);
    let mut reader = Reader::new(&drive);
    let mut all = Vec::new();
    for (marker, finds) in markers.iter().zip(found) {
        if finds.len() > INSTANCE_LIMIT {
            let why = format!("more than {INSTANCE_LIMIT} places have its files");
            unseen.push(Unseen::new(Subject::Applications, format!("all instances of {}", marker.id), why));
        }
        all.extend(instances(&drive, marker, &finds, &mut reader));
    }
    unseen.extend(reader.into_unseen());
    all.sort();
    unseen.sort();
    unseen.dedup();
    Facts { value: all, unseen }
}

/// All instances of one application. A folder that has the file too, but no settings, is part of the one above it.
fn instances(
    drive: &Drive<'_>,
    marker: &Marker,
    finds: &[Find],
    reader: &mut Reader<'_>,
) -> Vec<Application> {
    let mut all = Vec::new();
    for find in finds.iter().take(INSTANCE_LIMIT) {
        let settings: BTreeMap<String, String> = reader.settings(marker, &find.dir);
        let is_below = |other: &Find| other.dir != find.dir && find.dir.starts_with(&other.dir);
        if find.is_top || !settings.is_empty() || !finds.iter().any(is_below) {
            let (place, evidence) = (drive.shown(&find.dir), drive.shown(&find.evidence));
            all.push(Application { id: marker.id.clone(), place, evidence, settings });
        }
    }
    all
}
