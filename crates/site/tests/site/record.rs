use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use doorward_site::{LogPaths, NotRecorded, RecordSettings, Recorded, Settings, Verdict, print, read};

use crate::server::{Piece, html, page, serve, serve_tls};
use crate::why;

fn settings() -> RecordSettings {
    RecordSettings {
        run: Settings::default(),
        tls: None,
        hosts: Vec::new(),
        max_pages: NonZeroUsize::new(20).unwrap(),
        ignore_robots: false,
        time_limit: None,
        pause: None,
        allow_post: false,
    }
}

fn record(url: &str, logs: &str, settings: &RecordSettings) -> Result<Recorded, NotRecorded> {
    let mut paths = LogPaths::default();
    paths.add(logs.as_bytes()).unwrap();
    let recorded = doorward_site::record(&url.parse().unwrap(), &paths, settings, &|_| {})?;
    assert_eq!(read(&print(&recorded.site)).as_ref(), Ok(&recorded.site), "{}", print(&recorded.site));
    Ok(recorded)
}

fn names(recorded: &Recorded) -> Vec<&str> {
    recorded.site.http.iter().map(|check| check.name.as_str()).collect()
}

#[test]
fn a_site_is_recorded_and_its_tests_notice_what_goes_missing() {
    let down = Arc::new(AtomicBool::new(false));
    let is_down = Arc::clone(&down);
    let filler = "<p>A long text that stays as it is, whatever happens.</p>\n".repeat(10);
    let server = serve(move |asked| {
        let n = asked.number;
        let list = if is_down.load(Ordering::Relaxed) { "no posts" } else { "three posts" };
        match asked.path.as_str() {
            "/" => html(&format!(
                "<title>Shop</title>\n<a href=/news>n</a> <a href=/old>o</a> <a href=/private/x>p</a> <a href=/broken>b</a>\n\
                 <a href=/logout>out</a> <a href=http://evil.example/>e</a> <a href=/wild>w</a><img src=/a.png>\n\
                 <input name=\"csrf\" value=\"{:x}\">\n<p>{n} visitors</p>\n{filler}",
                n * 7_919_777
            )),
            "/news" => html(&format!("<title>News</title><p>{list}</p>{filler}")),
            "/old" => page(301, &["Location: /news"], ""),
            "/wild" => html(&"word ".repeat(n * 3 % 17 + 1)),
            "/a.png" => page(200, &["Content-Type: image/png"], [0xff, 0xd8, 0]),
            "/robots.txt" => page(200, &[], "User-agent: *\nDisallow: /private\n"),
            "/sitemap.xml" => page(
                200,
                &[],
                format!("<urlset><url><loc>http://{}/mapped</loc></url></urlset>", asked.header("host")),
            ),
            "/mapped" | "/logged?a=1" => html("<p>a page</p>"),
            "/form" if asked.method == "POST" => html("sent"),
            _ => page(500, &[], "broken"),
        }
    });
    let logs = "a - - [x] \"GET /logged?a=1 HTTP/1.1\" 200 5\na - - [x] \"POST /form HTTP/1.1\" 200 5\n";
    let recorded = record(&format!("http://{server}/"), logs, &settings()).unwrap();
    let mut found = names(&recorded);
    found.sort_unstable();
    assert_eq!(
        found,
        ["GET /", "GET /a.png", "GET /logged?a=1", "GET /mapped", "GET /news", "GET /old", "GET /wild"]
    );
    assert_eq!(recorded.loose.iter().map(doorward_site::Url::path).collect::<Vec<_>>(), ["/wild"]);
    assert_eq!(recorded.refused.len(), 1, "{:?}", recorded.refused);
    assert_eq!((recorded.refused[0].url.path(), recorded.refused[0].why.as_str()), ("/broken", "status 500"));
    assert_eq!((recorded.left_alone, recorded.more), (1, false));

    let failed = || {
        let outcomes = doorward_site::run(&recorded.site, &Settings::default(), &|_| {});
        let mut failed: Vec<String> = outcomes.failed().map(|t| t.test.0.clone()).collect();
        failed.sort();
        failed
    };
    assert_eq!(failed(), [""; 0]);
    down.store(true, Ordering::Relaxed);
    assert_eq!(failed(), ["GET /news", "GET /old"]);

    let all = RecordSettings { ignore_robots: true, allow_post: true, ..settings() };
    let recorded = record(&format!("http://{server}/"), logs, &all).unwrap();
    assert!(names(&recorded).contains(&"POST /form"), "{:?}", names(&recorded));
    assert_eq!(recorded.left_alone, 0);
}

#[test]
fn a_site_without_end_is_recorded_up_to_the_most_pages() {
    let server = serve(|asked| {
        html(&format!(
            "<title>t</title><a href=\"{}x/\">on</a><a href='?a={}'>q</a>",
            asked.path, asked.number
        ))
    });
    let few = RecordSettings { max_pages: NonZeroUsize::new(6).unwrap(), ignore_robots: true, ..settings() };
    let recorded = record(&format!("http://{server}/"), "", &few).unwrap();
    assert!(recorded.site.len() <= 6 && recorded.more, "{:?}", names(&recorded));
}

#[test]
fn what_fails_already_is_not_recorded() {
    let nobody = record("http://127.0.0.1:1/", "", &settings()).unwrap_err().to_string();
    assert!(
        nobody.contains("Connection refused (os error 111): a site that fails cannot be recorded"),
        "{nobody}"
    );
    let broken = serve(|_| page(503, &[], ""));
    let broken = record(&format!("http://{broken}/"), "", &settings()).unwrap_err().to_string();
    assert!(broken.contains("status 503: a site that fails"), "{broken}");
    let closed = serve(|asked| {
        if asked.path == "/robots.txt" { page(200, &[], "User-agent: *\nDisallow: /") } else { html("a") }
    });
    let closed = record(&format!("http://{closed}/"), "", &settings()).unwrap_err().to_string();
    assert!(closed.contains("--ignore-robots"), "{closed}");
    let around =
        serve(
            |asked| {
                if asked.path == "/robots.txt" { page(404, &[], "") } else { page(302, &["Location: /"], "") }
            },
        );
    let around = record(&format!("http://{around}/"), "", &settings()).unwrap_err().to_string();
    assert!(around.contains("more than 10 redirects"), "{around}");
}

#[test]
fn flapping_pages_are_left_out() {
    let times = AtomicUsize::new(0);
    let server = serve(move |asked| match asked.path.as_str() {
        "/" => html("<a href=/flaps>f</a>"),
        "/flaps" if times.fetch_add(1, Ordering::Relaxed) == 2 => page(500, &[], ""),
        "/flaps" => html("well"),
        _ => page(404, &[], ""),
    });
    let recorded = record(&format!("http://{server}/"), "", &settings()).unwrap();
    assert_eq!(names(&recorded), ["GET /"]);
    assert_eq!(recorded.refused[0].why, "status 500");
}

#[test]
fn what_leads_off_the_site_or_has_no_end_is_left_out() {
    let server = serve(|asked| match asked.path.as_str() {
        "/" => html(
            "<a href=/out>o</a><a href=/huge>h</a><a href=/%>d</a><a href='http://[1'>b</a></p></a><a href=/well",
        ),
        "/out" => page(302, &["Location: http://evil.example/"], ""),
        "/huge" => vec![
            Piece::Bytes(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n".to_vec()),
            Piece::Forever(b"<a href=/never>n</a>".repeat(4096), Duration::ZERO),
        ],
        "/sitemap.xml" => page(200, &[], "<urlset><url><loc>/mapped</loc><url></urlset><loc>"),
        "/mapped" => html("mapped"),
        _ => page(404, &[], ""),
    });
    let recorded = record(&format!("http://{server}/"), "", &settings()).unwrap();
    assert_eq!(names(&recorded)[0], "GET /");
    let why = |path: &str| {
        let refused = recorded.refused.iter().find(|r| r.url.path() == path);
        refused.unwrap_or_else(|| panic!("{path}: {:?}", recorded.refused)).why.clone()
    };
    assert!(why("/out").contains("http://evil.example/, which is not of the site"), "{}", why("/out"));
    assert_eq!(why("/huge"), "larger than 8MiB");
    let away = serve(|_| page(302, &["Location: https://evil.example/"], ""));
    let ignored = RecordSettings { ignore_robots: true, ..settings() };
    let away = record(&format!("http://{away}/"), "", &ignored).unwrap_err().to_string();
    assert!(away.contains("https://evil.example/, which is not of the site"), "{away}");
}

#[test]
fn a_certificate_of_ones_own_is_pinned() {
    let certified = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let server = serve_tls(&certified, |_| html("<p>a page</p>"));
    let url = format!("https://localhost:{}/", server.port());
    let mut own = settings();
    own.run.address = Some(server.ip());
    let Err(NotRecorded::Untrusted { why: told, .. }) = record(&url, "", &own) else {
        panic!("it is not trusted")
    };
    let sum = told.rsplit(' ').next().unwrap();
    own.tls = toml::from_str(&format!("pin = ['{sum}']")).ok();
    own.ignore_robots = true;
    let recorded = record(&url, "", &own).unwrap();
    let outcomes = doorward_site::run(&recorded.site, &own.run, &|_| {});
    assert!(outcomes.tests.iter().all(|t| t.verdict == Verdict::Passed), "{}", why(&outcomes.tests[0]));
}

#[test]
fn pages_that_hang_do_not_stop_the_rest() {
    let began = Instant::now();
    let server = serve(|asked| match asked.path.as_str() {
        "/" => html("<a href=/hangs>h</a><a href=/well>w</a>"),
        "/well" => html("well"),
        "/hangs" => vec![Piece::Wait(Duration::from_mins(5))],
        _ => page(404, &[], ""),
    });
    let short = RecordSettings { time_limit: "1s".parse().ok(), ..settings() };
    let recorded = record(&format!("http://{server}/"), "", &short).unwrap();
    assert_eq!(names(&recorded), ["GET /", "GET /well"]);
    assert!(recorded.refused[0].why.contains("the time limit was reached"), "{:?}", recorded.refused);
    assert_eq!(recorded.site.time_limit, short.time_limit, "its checks are as patient as the recording");
    assert!(began.elapsed() < Duration::from_mins(1));
}

#[test]
fn what_changes_slowly_is_seen_after_a_pause() {
    let found = |pause: Option<&str>| {
        let fetched = AtomicUsize::new(0);
        let server = serve(move |asked| match asked.path.as_str() {
            // It changes when the usual rounds are over.
            "/" => html(&format!(
                "<p>Edition of the day: {}</p>\n{}",
                fetched.fetch_add(1, Ordering::Relaxed) / 4,
                "<p>A long text that stays as it is, whatever happens.</p>".repeat(10)
            )),
            _ => page(404, &[], ""),
        });
        let settings = RecordSettings { pause: pause.map(|p| p.parse().unwrap()), ..settings() };
        let recorded = record(&format!("http://{server}/"), "", &settings).unwrap();
        (recorded.site.http[0].request[0].expect.ignore.len(), recorded.loose.len())
    };
    assert_eq!(
        found(None),
        (0, 1),
        "it has no clock, so nothing is waited for, and its content is not compared"
    );
    assert_eq!(found(Some("1s")), (1, 0));
}
