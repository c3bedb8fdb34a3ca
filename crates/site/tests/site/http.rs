use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use doorward_site::{Baseline, Settings, Sha256, read};

use crate::server::{Asked, Piece, Reply, html, page, serve, serve_tls};
use crate::{one, run, why};

/// One check with one request for `/`, and what follows it.
fn check(server: SocketAddr, rest: &str) -> String {
    format!(
        "version = 1\nurl = \"http://{server}/\"\ntime_limit = \"5s\"\nsize_limit = \"1MiB\"\n\
         [[http]]\nname = \"page\"\n[[http.request]]\nurl = \"/\"\n{rest}"
    )
}

fn shop(asked: &Asked) -> Reply {
    let session = asked.header("cookie").contains("session=s3");
    match (asked.method.as_str(), asked.path.as_str()) {
        ("GET", "/login") => html("<input name=\"token\" value=\"a&b\">"),
        ("POST", "/login") if asked.body == "token=a%26b&user=test" => {
            page(303, &["Set-Cookie: session=s3; Path=/; HttpOnly", "Location: /account"], "")
        }
        ("GET", "/account") if session => html("Hello test"),
        ("POST", "/cart") if session && asked.body == r#"{"item":5,"note":"a&b"}"# => {
            page(201, &["Content-Type: application/json"], r#"{"id": 77, "items": [{"price": 5.5}]}"#)
        }
        ("POST", "/upload") if session => {
            let multipart = asked.header("content-type").starts_with("multipart/form-data; boundary=");
            let file = "Content-Disposition: form-data; name=\"f\"; filename=\"a.txt\"\r\n\
                        Content-Type: text/plain\r\n\r\ncontent\r\n";
            let whole = multipart && asked.body.contains(file) && asked.body.ends_with("--\r\n");
            page(if whole { 200 } else { 400 }, &[], &asked.body)
        }
        ("DELETE", "/cart/77") if session => page(204, &[], ""),
        _ => page(403, &[], "who are you?"),
    }
}

#[test]
fn a_transaction_carries_cookies_and_captured_values() {
    let server = serve(shop);
    let outcome = one(&format!(
        r#"
version = 1
url = "http://{server}/"
[[http]]
name = "shop"
[[http.request]]
url = "/login"
capture.token.regex = 'name="token" value="([^"]+)"'
[[http.request]]
url = "/login"
form = {{ user = "test", token = "${{token}}" }}
expect.contains = ["Hello test"]
expect.ends_at = "/account"
[[http.request]]
url = "/cart"
json = {{ item = 5, note = "${{token}}" }}
expect.status = 201
expect.header.content-type = "^application/json$"
expect.json = [{{ path = "$.items[0].price", equals = 5.5 }}, {{ path = "$.id", matches = "^7" }}]
capture.id.json = "$.id"
[[http.request]]
url = "/upload"
multipart = [{{ name = "f", text = "content", filename = "a.txt", content_type = "text/plain" }}]
[[http.request]]
method = "DELETE"
url = "/cart/${{id}}"
expect.status = 204
"#
    ));
    assert_eq!(why(&outcome), "");
    assert_eq!(outcome.exchanges.len(), 5);
    assert_eq!(outcome.exchanges[1].text, "Hello test");
}

#[test]
fn what_is_not_as_expected_is_told_with_what_was_seen() {
    let server = serve(|_| page(200, &["X-A: one"], "{\"a\": [1, \"two\"]} body"));
    let json = serve(|_| page(200, &[], "{\"a\": [1, \"two\"]}"));
    let sum = Sha256::of(b"other");
    for (server, expect, seen) in [
        (server, "status = 404", "status: expected 404, seen 200"),
        (server, "header.x-a = '^two$'", "header x-a: expected matches ^two$, seen one"),
        (server, "header.x-b = ''", "header x-b: expected matches, seen no such header"),
        (
            server,
            "contains = ['nobody']",
            "body: expected contains \"nobody\", seen {\"a\": [1, \"two\"]} body",
        ),
        (server, "lacks = ['body']", "body: expected lacks \"body\""),
        (server, "matches = ['^body']", "body: expected matches ^body"),
        (server, "min_size = '1KiB'", "size: expected at least 1KiB, seen 22 bytes"),
        (server, "max_size = '20'", "size: expected at most 20, seen 22 bytes"),
        (server, "json = [{ path = '$.a' }]", "body: expected JSON, seen trailing characters"),
        (server, "ends_at = '/b'", "address: expected /b, seen http://127.0.0.1"),
        (json, "json = [{ path = '$.b' }]", "json $.b: expected a value, seen none"),
        (json, "json = [{ path = '$.a[0]', equals = 2 }]", "json $.a[0]: expected 2, seen 1"),
        (json, "json = [{ path = '$.a[1]', matches = 'x' }]", "json $.a[1]: expected matches x, seen two"),
        (json, &format!("sha256 = '{sum}'"), &format!("sha256: expected {sum}, seen")),
    ] {
        let outcome = one(&check(server, &format!("expect.{expect}")));
        assert!(why(&outcome).contains(seen), "{expect}: {}", why(&outcome));
    }
    let captured = one(&check(server, "capture.a.header = 'x-none'"));
    assert!(why(&captured).contains("capture: expected header x-none, seen nothing"), "{}", why(&captured));
}

#[test]
fn a_sum_leaves_out_what_changes_by_itself() {
    let server = serve(|asked| html(&format!("<p>now {}</p>", asked.number)));
    let sum = Sha256::of(b"<p></p>");
    let outcome = one(&check(server, &format!("expect.sha256 = '{sum}'\nexpect.ignore = ['now [0-9]+']")));
    assert_eq!(why(&outcome), "");
}

#[test]
fn redirects_are_followed_on_the_site_alone() {
    let server = serve(|asked| match asked.path.as_str() {
        "/" => page(302, &["Location: http://evil.example/"], ""),
        "/loop" => page(301, &["Location: /loop"], ""),
        "/bad" => page(301, &["Location: http://[1"], ""),
        "/file" => page(301, &["Location: file:///etc/passwd"], ""),
        _ => html("there"),
    });
    assert!(
        why(&one(&check(server, "")))
            .contains("a redirect to http://evil.example/, which is not of the site")
    );
    assert_eq!(why(&one(&check(server, "follow = false\nexpect.status = 302"))), "");
    let to =
        |path: &str| why(&one(&check(server, "").replace("url = \"/\"\n", &format!("url = \"{path}\"\n"))));
    assert!(to("/loop").contains("more than 10 redirects"), "{}", to("/loop"));
    assert!(to("/bad").contains("which is no address"), "{}", to("/bad"));
    assert!(to("/file").contains("file:///etc/passwd, which is not of the site"), "{}", to("/file"));
}

#[test]
fn a_captured_value_does_not_lead_off_the_site() {
    let server = serve(|_| html("at=//evil.example/"));
    let text = check(server, "capture.at.regex = 'at=(.*)'\n[[http.request]]\nurl = \"${at}\"\n");
    assert!(why(&one(&text)).contains("http://evil.example/ is not of the site"), "{}", why(&one(&text)));
}

#[test]
fn what_never_ends_is_ended() {
    let hang = Duration::from_mins(1);
    let drip = Duration::from_millis(50);
    let endless = || Piece::Bytes(b"HTTP/1.1 200 OK\r\n\r\n".to_vec());
    let servers = [
        ("silent", serve(move |_| vec![Piece::Wait(hang)])),
        (
            "drips headers",
            serve(move |_| {
                vec![Piece::Bytes(b"HTTP/1.1 200 OK\r\nA: ".to_vec()), Piece::Forever(b"a".to_vec(), drip)]
            }),
        ),
        ("drips a body", serve(move |_| vec![endless(), Piece::Forever(b"a".to_vec(), drip)])),
        (
            "stops within",
            serve(move |_| {
                vec![
                    Piece::Bytes(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc".to_vec()),
                    Piece::Wait(hang),
                ]
            }),
        ),
    ];
    let began = Instant::now();
    std::thread::scope(|scope| {
        for (name, server) in servers {
            scope.spawn(move || {
                let outcome = one(&check(server, "").replace("\"5s\"", "\"700ms\""));
                assert!(why(&outcome).contains("the time limit was reached"), "{name}: {}", why(&outcome));
            });
        }
    });
    assert!(began.elapsed() < hang / 2);
}

#[test]
fn bodies_without_end_are_cut() {
    let kilobytes = || vec![b'a'; 64 << 10];
    let endless = serve(move |_| {
        vec![Piece::Bytes(b"HTTP/1.1 200 OK\r\n\r\n".to_vec()), Piece::Forever(kilobytes(), Duration::ZERO)]
    });
    let chunked = serve(move |_| {
        let chunk = [b"10000\r\n".as_slice(), &kilobytes(), b"\r\n"].concat();
        vec![
            Piece::Bytes(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec()),
            Piece::Forever(chunk, Duration::ZERO),
        ]
    });
    let claimed = serve(move |_| {
        vec![
            Piece::Bytes(b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n".to_vec()),
            Piece::Forever(kilobytes(), Duration::ZERO),
        ]
    });
    let headers = serve(move |_| {
        vec![
            Piece::Bytes(b"HTTP/1.1 200 OK\r\n".to_vec()),
            Piece::Forever(b"A: b\r\n".repeat(1000), Duration::ZERO),
        ]
    });
    for server in [endless, chunked, claimed] {
        let outcome = one(&check(server, ""));
        assert!(
            why(&outcome).contains("size: expected at most 1048576 bytes, seen more"),
            "{}",
            why(&outcome)
        );
        assert!(outcome.exchanges[0].text.len() <= 16 << 10);
    }
    assert!(why(&one(&check(headers, ""))).contains("answer: expected one, seen"));
}

#[test]
fn what_is_no_http_fails() {
    for bytes in [
        "",
        "\0\0\0\0",
        "HTTP/1.1 abc\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\na",
    ] {
        let server = serve(move |_| vec![Piece::Bytes(bytes.as_bytes().to_vec())]);
        let outcome = one(&check(server, "").replace("\"5s\"", "\"1s\""));
        assert!(why(&outcome).contains("answer: expected one, seen"), "{bytes:?}: {}", why(&outcome));
    }
    let nobody = SocketAddr::from((Ipv4Addr::LOCALHOST, 1));
    assert!(why(&one(&check(nobody, ""))).contains("Connection refused"));
}

fn at(address: IpAddr) -> Settings {
    let mut settings = Settings::default();
    settings.address = Some(address);
    settings
}

#[test]
fn another_address_is_asked_in_the_sites_name() {
    let server = serve(|asked| html(&format!("{} {}", asked.header("host"), asked.path)));
    let text = format!(
        "version = 1\nurl = \"http://shop.example:{0}/\"\nhosts = [\"www.shop.example\"]\n\
         [[http]]\nname = \"own\"\n[[http.request]]\nurl = \"/a\"\nexpect.contains = [\"shop.example:{0} /a\"]\n\
         [[http]]\nname = \"other name\"\n[[http.request]]\nurl = \"http://www.shop.example:{0}/b\"\n\
         expect.contains = [\"www.shop.example:{0} /b\"]\n",
        server.port()
    );
    let settings = at(IpAddr::V4(Ipv4Addr::LOCALHOST));
    let outcomes = doorward_site::run(&read(&text).unwrap(), &settings, &|_| {});
    assert_eq!(outcomes.tests.iter().map(why).collect::<String>(), "");
}

/// Writes a certificate where a check finds it.
fn file(folder: &tempfile::TempDir, text: &str) -> PathBuf {
    let path = folder.path().join("ca.pem");
    #[expect(clippy::disallowed_methods, reason = "a test's own file")]
    std::fs::write(&path, text).unwrap();
    path
}

#[test]
fn certificates_are_trusted_as_told_and_no_further() {
    let certified = rcgen::generate_simple_self_signed(["shop.example".to_owned()]).unwrap();
    let server = serve_tls(&certified, |_| html("secret"));
    let folder = tempfile::tempdir().unwrap();
    let ca = file(&folder, &certified.cert.pem());
    let pin = Sha256::of(certified.cert.der());
    let other = Sha256::of(b"");
    let ask = |host: &str, tls: &str| {
        let text = format!(
            "version = 1\nurl = \"https://{host}:{}/\"\ntls = {{ {tls} }}\n\
             [[http]]\nname = \"page\"\n[[http.request]]\nurl = \"/\"\nexpect.contains = [\"secret\"]\n",
            server.port()
        );
        let settings = at(IpAddr::V4(Ipv4Addr::LOCALHOST));
        let outcomes = doorward_site::run(&read(&text).unwrap(), &settings, &|_| {});
        why(&outcomes.tests[0])
    };
    for trusted in [
        format!("pin = ['{pin}']"),
        format!("pin = ['{other}', '{pin}']"),
        "insecure = true".to_owned(),
        format!("ca = '{}'", ca.display()),
        format!("ca = '{}', valid_days = 30", ca.display()),
    ] {
        assert_eq!(ask("shop.example", &trusted), "", "{trusted}");
    }
    assert_eq!(ask("other.example", "insecure = true"), "");
    for (host, tls, seen) in [
        (
            "shop.example",
            format!("pin = ['{other}']"),
            format!("not one of those in tls.pin; the SHA-256 of the certificate is {pin}"),
        ),
        ("shop.example", "ca = '/none'".to_owned(), "tls.ca /none: No such file".to_owned()),
        (
            "other.example",
            format!("ca = '{}'", ca.display()),
            format!("the SHA-256 of the certificate is {pin}"),
        ),
        (
            "shop.example",
            format!("ca = '{}', valid_days = 4000000", ca.display()),
            "in 4000000 days: ".to_owned(),
        ),
    ] {
        assert!(ask(host, &tls).contains(&seen), "{host} {tls}: {}", ask(host, &tls));
    }
    // Without a word on trust, what the system trusts: surely not this one.
    assert_ne!(ask("shop.example", ""), "");
    let plain = serve(|_| html("secret"));
    let text = format!(
        "version = 1\nurl = \"https://{plain}/\"\ntls.insecure = true\n[[http]]\nname = \"a\"\n[[http.request]]\nurl = \"/\"\n"
    );
    assert!(why(&one(&text)).contains("answer: expected one"));
}

#[test]
fn a_certificate_whose_time_is_over_is_refused() {
    let mut wanted = rcgen::CertificateParams::new(["shop.example".to_owned()]).unwrap();
    wanted.not_after = rcgen::date_time_ymd(2020, 1, 1);
    let signing_key = rcgen::KeyPair::generate().unwrap();
    let cert = wanted.self_signed(&signing_key).unwrap();
    let certified = rcgen::CertifiedKey { cert, signing_key };
    let server = serve_tls(&certified, |_| html("secret"));
    let folder = tempfile::tempdir().unwrap();
    let ca = file(&folder, &certified.cert.pem());
    let text = format!(
        "version = 1\nurl = \"https://shop.example:{}/\"\ntls.ca = '{}'\n[[http]]\nname = \"a\"\n[[http.request]]\nurl = \"/\"\n",
        server.port(),
        ca.display()
    );
    let settings = at(IpAddr::V4(Ipv4Addr::LOCALHOST));
    let outcomes = doorward_site::run(&read(&text).unwrap(), &settings, &|_| {});
    assert!(why(&outcomes.tests[0]).contains("expired"), "{}", why(&outcomes.tests[0]));
}

#[test]
fn a_handshake_that_never_ends_is_ended() {
    for bytes in ["", "\x16\x03\x03"] {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let server = listener.local_addr().unwrap();
        std::thread::spawn(move || {
            let open: Vec<_> = listener
                .incoming()
                .flatten()
                .map(|mut stream| std::io::Write::write_all(&mut stream, bytes.as_bytes()).map(|()| stream))
                .collect();
            drop(open);
        });
        let text = check(server, "").replace("\"5s\"", "\"500ms\"").replace("http://", "https://");
        let seen = why(&one(&text));
        assert!(seen.contains("the time limit was reached"), "{bytes:?}: {seen}");
    }
}

#[test]
fn a_flapping_site_is_measured_and_a_broken_one_has_no_baseline() {
    let server = serve(|asked| if asked.number % 4 == 1 { page(503, &[], "") } else { html("x") });
    let site = read(&check(server, "")).unwrap();
    let baseline = Baseline::measure(&site, &Settings::default(), 8, &|_, _| {}).unwrap();
    let flaky: Vec<(usize, f64)> = baseline.flaky().map(|t| (t.failed, t.false_fail_rate)).collect();
    assert_eq!((baseline.runs, flaky), (8, vec![(2, 0.25)]));
    assert_eq!(baseline.tests[0].mismatches[0].seen, "503");
    let broken = serve(|_| page(503, &[], ""));
    let error = Baseline::measure(&read(&check(broken, "")).unwrap(), &Settings::default(), 2, &|_, _| {});
    assert!(
        error.unwrap_err().to_string().contains("page (2 of 2 runs; GET http://"),
        "it says which and how"
    );
}

#[test]
fn checks_run_side_by_side_and_stop_when_told() {
    let server = serve(|_| [vec![Piece::Wait(Duration::from_millis(300))], html("x")].concat());
    let mut text = format!("version = 1\nurl = \"http://{server}/\"\n");
    for number in 0..8 {
        let _ = write!(text, "[[http]]\nname = \"{number}\"\n[[http.request]]\nurl = \"/\"\n");
    }
    let began = Instant::now();
    let outcomes = run(&text);
    assert_eq!(outcomes.tests.len(), 8);
    // One after the other they would take 2.4 s.
    assert!(began.elapsed() < Duration::from_millis(2200));
    assert_eq!(outcomes.tests.iter().map(|t| t.test.0.as_str()).collect::<String>(), "01234567");
    let settings = Settings::default();
    let stop = settings.stop.clone();
    let outcomes = doorward_site::run(&read(&text).unwrap(), &settings, &|_| {
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
    });
    assert!(outcomes.tests.len() < 8, "{}", outcomes.tests.len());
}

#[test]
fn a_check_that_runs_is_broken_off_when_told() {
    let minutes = Duration::from_mins(10);
    let server = serve(move |asked| match asked.path.as_str() {
        // The other one runs when this one ends.
        "/quick" => [vec![Piece::Wait(Duration::from_millis(300))], html("x")].concat(),
        _ => {
            vec![Piece::Bytes(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n".to_vec()), Piece::Wait(minutes)]
        }
    });
    let text = format!(
        "version = 1\nurl = \"http://{server}/\"\ntime_limit = \"10m\"\n\
         [[http]]\nname = \"slow\"\n[[http.request]]\nurl = \"/\"\n[[http]]\nname = \"quick\"\n[[http.request]]\nurl = \"/quick\"\n"
    );
    let settings = Settings::default();
    let stop = settings.stop.clone();
    let began = Instant::now();
    let outcomes = doorward_site::run(&read(&text).unwrap(), &settings, &|_| {
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
    });
    assert!(began.elapsed() < minutes / 10);
    assert_eq!(outcomes.tests.iter().map(|t| t.test.0.as_str()).collect::<Vec<_>>(), ["quick"]);
}
