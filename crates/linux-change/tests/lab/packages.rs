//! Packages go and come back as they were: every file, its mode and owner, and what dpkg knows of it.

use std::collections::BTreeMap;

use doorward_change::system::{Activity, SavedPackage};
use doorward_lab::roots;

use crate::inside::{Answer, Changed, Task};

/// Services with configuration, with files of other owners, with hooks into others.
const NAMES: [&str; 4] = ["memcached", "vsftpd", "snmpd", "tftpd-hpa"];

/// What is compared of a host.
#[derive(Debug, PartialEq)]
struct Look {
    files: BTreeMap<String, String>,
    known: Vec<String>,
    verified: Vec<String>,
    marks: String,
}

fn look(host: &Changed) -> Look {
    let mut files = BTreeMap::new();
    for name in NAMES {
        for path in host.prints(&["dpkg", "-L", name]).lines() {
            let stat = host.prints(&["stat", "-c", "%F %a %U %G %Y %N", path]);
            // Directories of others change their times.
            let stat = if stat.starts_with("directory") { stat.replace(char::is_numeric, "") } else { stat };
            let sum = host.prints(&["sha256sum", path]);
            if !stat.is_empty() {
                files.insert(path.to_owned(), stat + &sum);
            }
        }
    }
    let links = host.prints(&["find", "/etc", "/usr/sbin/policy-rc.d", "-printf", "%p %y %m %u %g %l\n"]);
    files.insert("/etc".into(), {
        // cupsd writes its own while it runs.
        let mut lines: Vec<_> = links.lines().filter(|l| !l.starts_with("/etc/cups")).collect();
        lines.sort_unstable();
        lines.join("\n")
    });
    Look {
        files,
        known: NAMES.map(|name| host.prints(&["dpkg", "-s", name])).into(),
        verified: NAMES.map(|name| host.prints(&["dpkg", "-V", name])).into(),
        marks: host.prints(&["apt-mark", "showmanual"]),
    }
}

fn differences(before: &Look, after: &Look) -> Vec<String> {
    let mut found = Vec::new();
    for (path, was) in &before.files {
        let is = after.files.get(path).cloned().unwrap_or_default();
        let lines = |text: &str| text.lines().map(str::to_owned).collect::<Vec<_>>();
        found.extend(lines(was).into_iter().filter(|l| !is.contains(l.as_str())).map(|l| format!("-{l}")));
        found.extend(lines(&is).into_iter().filter(|l| !was.contains(l.as_str())).map(|l| format!("+{l}")));
    }
    found.extend(after.files.keys().filter(|p| !before.files.contains_key(*p)).map(|p| format!("+{p}")));
    for (was, is) in before.known.iter().zip(&after.known).chain(before.verified.iter().zip(&after.verified))
    {
        found.extend(was.lines().filter(|l| !is.lines().any(|i| i == *l)).map(|l| format!("-{l}")));
        found.extend(is.lines().filter(|l| !was.lines().any(|w| w == *l)).map(|l| format!("+{l}")));
    }
    found
}

#[test]
fn packages_go_and_come_back_as_they_were() {
    let Some(host) = Changed::boot(&roots::EVERYTHING) else { return };
    // Configuration that was edited, removed and given to others; a program that was patched; a mark of apt's.
    host.0.succeed(&["sed", "-i", "s/^-m .*/-m 65/", "/etc/memcached.conf"]).unwrap();
    host.0.succeed(&["chmod", "600", "/etc/vsftpd.conf"]).unwrap();
    host.0.succeed(&["rm", "/etc/logrotate.d/vsftpd"]).unwrap();
    host.0.succeed(&["chown", "root:mail", "/usr/sbin/in.tftpd"]).unwrap();
    host.0.succeed(&["chmod", "4750", "/usr/sbin/in.tftpd"]).unwrap();
    host.0.succeed(&["apt-mark", "auto", "memcached"]).unwrap();
    for name in NAMES {
        assert_eq!(host.ask(&Task::Activity(format!("{name}.service"))), Answer::Activity(Activity::Active));
    }
    let saved: Vec<SavedPackage> = NAMES.map(|name| save(&host, name)).into();
    assert_eq!(saved.iter().map(|s| s.manual).collect::<Vec<_>>(), [false, true, true, true]);
    for name in NAMES {
        host.tell(&Task::Stop(format!("{name}.service"), 30));
    }
    let before = look(&host);

    host.tell(&Task::Remove(NAMES.map(str::to_owned).into()));
    host.tell(&Task::Remove(NAMES.map(str::to_owned).into()));
    for name in NAMES {
        assert_eq!(host.ask(&Task::Version(name.into())), Answer::Version(None), "{name}");
    }
    // One as if the restore had died right after dpkg was done: what follows is made up for.
    let first = saved[0].archive.to_str().unwrap();
    host.0.succeed(&["dpkg", "--force-confold", "--install", first]).unwrap();
    assert_ne!(differences(&before, &look(&host)), [""; 0]);
    host.tell(&Task::Stop(format!("{}.service", NAMES[0]), 30));
    host.tell(&Task::Restore(saved.clone()));
    host.tell(&Task::Restore(saved.clone()));
    let after = look(&host);
    let found = differences(&before, &after);
    assert!(found.is_empty(), "{}", found.join("\n"));
    assert_eq!(before, after);
    for (name, saved) in NAMES.iter().zip(&saved) {
        let version = Answer::Version(Some(saved.version.clone()));
        assert_eq!(host.ask(&Task::Version((*name).into())), version);
        let unit = format!("{name}.service");
        assert_eq!(host.ask(&Task::Activity(unit.clone())), Answer::Activity(Activity::Inactive), "{name}");
        host.tell(&Task::Start(unit, 30));
    }
}

fn save(host: &Changed, name: &str) -> SavedPackage {
    match host.ask(&Task::Save(name.into())) {
        Answer::Saved(saved) => saved,
        other => panic!("{name}: {other:?}"),
    }
}

#[test]
fn an_archive_that_apt_has_kept_is_taken_if_all_is_as_shipped() {
    let Some(host) = Changed::boot(&roots::STATIC_NGINX) else { return };
    let version = host.prints(&["dpkg-query", "-W", "-f", "${Version}", "nginx"]);
    let name = format!("nginx_{}_amd64.deb", version.replace(':', "%3a"));
    let archive = doorward_lab::cache_dir().join("packages").join(&name);
    if !archive.exists() {
        println!("skipped: {name} is not among the packages that the lab has kept");
        return;
    }
    let kept = format!("/var/cache/apt/archives/{name}");
    host.0.put(&archive, &kept).unwrap();
    // The lab's hosts are made without documentation: with it, all is as shipped.
    host.0.succeed(&["dpkg-deb", "-x", &kept, "/"]).unwrap();
    let sum = |path: &str| host.prints(&["sha256sum", path]).split(' ').next().unwrap().to_owned();
    let saved = save(&host, "nginx");
    assert_eq!(saved.sha256, sum(&kept));
    host.tell(&Task::Remove(vec!["nginx".into()]));
    host.tell(&Task::Restore(vec![saved.clone()]));
    assert_eq!(sum("/usr/sbin/nginx").len(), 64);
    // What was changed on the host comes back as it was, not as it is shipped.
    host.0.succeed(&["chmod", "750", "/usr/sbin/nginx"]).unwrap();
    host.0.succeed(&["truncate", "-s", "+1", "/usr/sbin/nginx"]).unwrap();
    let patched = sum("/usr/sbin/nginx");
    let saved = save(&host, "nginx");
    assert_ne!(saved.sha256, sum(&kept));
    host.tell(&Task::Remove(vec!["nginx".into()]));
    host.tell(&Task::Restore(vec![saved]));
    assert_eq!(sum("/usr/sbin/nginx"), patched);
    assert_eq!(host.prints(&["stat", "-c", "%a", "/usr/sbin/nginx"]), "750\n");
}

#[test]
fn what_others_need_is_not_removed_and_who_holds_the_lock_is_named() {
    let Some(host) = Changed::boot(&roots::STATIC_NGINX) else { return };
    let before = host.prints(&["dpkg-query", "-W", "-f", "${Package} ${Status}\n"]);
    // nginx needs nginx-common; openssh-server alone could go.
    let why = host.refuse(&Task::Remove(vec!["openssh-server".into(), "nginx-common".into()]));
    assert!(why.contains("nginx depends on nginx-common"), "{why}");
    assert!(host.refuse(&Task::Remove(vec!["dpkg".into()])).contains("Failed"));
    assert_eq!(host.prints(&["dpkg-query", "-W", "-f", "${Package} ${Status}\n"]), before);

    let saved = save(&host, "nginx");
    host.tell(&Task::Remove(vec!["nginx".into()]));
    host.0.write_file(saved.archive.to_str().unwrap(), "damaged").unwrap();
    assert!(host.refuse(&Task::Restore(vec![saved])).contains("SHA-256"));

    let perl = "use Fcntl;open(F,'>','/var/lib/dpkg/lock-frontend');$l=pack('ssx4qqlx4',F_WRLCK,0,0,0,0);fcntl(F,F_SETLKW,$l)or die;sleep 60";
    let mut holder = host.0.spawn(&["perl", "-e", perl]).unwrap();
    let mut why = String::new();
    for _ in 0..100 {
        match host.ask(&Task::Remove(vec!["nginx".into()])) {
            Answer::Error(error) if error.contains("Busy") => why = error,
            _ => continue,
        }
        break;
    }
    assert!(why.contains("(perl)"), "{why}");
    holder.kill().unwrap();
    holder.wait().unwrap();
}
