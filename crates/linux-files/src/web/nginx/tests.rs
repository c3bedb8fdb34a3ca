use proptest::prelude::*;

use super::*;
use crate::fixture::Made;
use crate::web::testing;
use crate::web::testing::{captured, endpoints, upstreams};

const MAIN: &str = "etc/nginx/nginx.conf";

fn config(files: &[(&str, &str)]) -> (doorward_model::WebConfig, Vec<doorward_model::Unseen>) {
    testing::config("usr/sbin/nginx", files)
}

/// The directive of a location, with the upstreams and whether all is understood.
fn located(directives: &str) -> (Vec<String>, bool) {
    let text = format!("http {{ server {{ location / {{ {directives} }} }} }}");
    let (config, unseen) = config(&[(MAIN, &text)]);
    assert_eq!(config.complete, unseen.is_empty(), "{unseen:?}");
    (config.upstreams.into_iter().map(|u| u.target).collect(), config.complete)
}

#[test]
fn debian_as_installed_is_complete_and_passes_nothing_on() {
    let (config, unseen) = config(&[
        (
            MAIN,
            "user www-data;\ninclude /etc/nginx/modules-enabled/*.conf;\nevents {\n\tworker_connections 768;\n\t# multi_accept on;\n}\nhttp {\n\tinclude /etc/nginx/mime.types;\n\tinclude /etc/nginx/conf.d/*.conf;\n\tinclude /etc/nginx/sites-enabled/*;\n}\n#mail {\n#}\n",
        ),
        ("etc/nginx/mime.types", "types {\n text/html html htm;\n}\n"),
        (
            "etc/nginx/sites-enabled/default",
            "server {\n\tlisten 80 default_server;\n\troot /var/www/html;\n\tserver_name _;\n\tlocation / {\n\t\ttry_files $uri $uri/ =404;\n\t}\n\t#location ~ \\.php$ {\n\t#\tfastcgi_pass 127.0.0.1:9000;\n\t#}\n}\n",
        ),
    ]);
    assert!(config.complete && unseen.is_empty(), "{unseen:?}");
    assert_eq!(config.server, "nginx");
    assert_eq!(
        config.files,
        ["/etc/nginx/mime.types", "/etc/nginx/nginx.conf", "/etc/nginx/sites-enabled/default"]
    );
    assert_eq!(config.document_roots, ["/var/www/html"]);
    assert!(config.names.is_empty() && config.upstreams.is_empty());
}

#[test]
fn passes_lead_to_the_servers_of_their_blocks() {
    let (config, _) = config(&[
        (
            MAIN,
            "http {\n include conf.d/*.conf;\n}\nstream {\n upstream app { server 10.0.0.9:5432; }\n server { listen 1; proxy_pass app; }\n}\n",
        ),
        (
            "etc/nginx/conf.d/a.conf",
            "upstream App {\n server 127.0.0.1:8001 weight=2;\n server unix:/run//app.sock backup;\n server backend;\n server 127.0.0.1:8009 down;\n}\nupstream unused { server 127.0.0.1:1; }\nserver {\n server_name .Example.org www.example.com \"\" ~^x;\n location / { proxy_pass http://app/x; }\n location /php {\n  fastcgi_pass unix:/run/php/php-fpm.sock;\n }\n location /again { proxy_pass http://app; }\n}\n",
        ),
    ]);
    assert!(config.complete);
    assert_eq!(config.names, ["example.org", "www.example.com"]);
    assert_eq!(
        upstreams(&config),
        [
            "/run/app.sock <- a.conf:10 proxy_pass",
            "/run/php/php-fpm.sock <- a.conf:12 fastcgi_pass",
            "10.0.0.9:5432 <- nginx.conf:6 proxy_pass",
            "127.0.0.1:8001 <- a.conf:10 proxy_pass",
            "backend:80 <- a.conf:10 proxy_pass",
        ]
    );
}

#[test]
fn virtual_hosts_ports_and_logs() {
    let (config, _) = config(&[
        (
            MAIN,
            "http {\n access_log /var/log/nginx/all.log combined;\n include conf.d/*.conf;\n server { server_name bare; }\n}\n\
             stream { server { listen 5432; listen 53 udp; proxy_pass 10.0.0.9:5432; } }\n",
        ),
        (
            "etc/nginx/conf.d/a.conf",
            "upstream app { server 127.0.0.1:8001; }\n\
             server {\n listen 80 default_server;\n listen [::]:80;\n server_name _;\n return 301 https://$host/;\n}\n\
             server {\n listen 443 ssl;\n listen 443 quic;\n listen unix:/run/n.sock;\n server_name Shop.example *.shop.example ~^x;\n\
             location / { access_log /var/log/nginx//shop.log; proxy_pass http://app; }\n\
             location /a { access_log off; access_log syslog:server=unix:/dev/log; access_log logs/$host.log; }\n}\n\
             server { listen unix:/run/only.sock; server_name inside; }\n",
        ),
    ]);
    assert_eq!(endpoints(&config), ["*:80", "*:5432", "*.shop.example:443", "bare:80", "shop.example:443"]);
    assert_eq!(config.access_logs, ["/var/log/nginx/all.log", "/var/log/nginx/shop.log"]);
    assert!(config.complete);
}

#[test]
fn without_a_word_of_logs_the_usual_one_is_written() {
    let log = ("var/log/nginx/access.log", "");
    for (text, logs) in [
        ("http { server { listen 81; } }", &["/var/log/nginx/access.log"][..]),
        ("http { access_log off; server { listen 81; } }", &[]),
        ("events { }", &[]),
    ] {
        let (config, _) = config(&[(MAIN, text), log]);
        assert_eq!(config.access_logs, logs, "{text}");
    }
}

/// As nginx 1.22.1 takes or refuses them (`nginx -t`).
#[test]
fn targets_are_those_that_nginx_connects_to() {
    for (directive, target) in [
        ("proxy_pass http://localhost;", "localhost:80"),
        ("proxy_pass HTTPS://localhost/x;", "localhost:443"),
        ("proxy_pass http://unix:/a.sock:/b;", "/a.sock"),
        ("proxy_pass 'http://[::1]:81';", "[::1]:81"),
        ("uwsgi_pass unix:///x.sock;", "/x.sock"),
        ("uwsgi_pass uwsgi://localhost:3031;", "localhost:3031"),
        ("grpc_pass grpcs://localhost:50051;", "localhost:50051"),
        ("memcached_pass 127.0.0.1:11211;", "127.0.0.1:11211"),
        ("redis2_pass 127.0.0.1:6379;", "127.0.0.1:6379"),
        ("resolver 127.0.0.53 valid=10s;", "127.0.0.53:53"),
    ] {
        assert_eq!(located(directive), (vec![target.to_owned()], true), "{directive}");
    }
    for directive in ["fastcgi_pass localhost;", "grpc_pass grpc://localhost;", "proxy_pass http://;"] {
        assert_eq!(located(directive), (vec![], false), "{directive}");
    }
}

#[test]
fn variables_are_followed_as_far_as_they_are_set() {
    for (directives, targets) in [
        ("set $app 127.0.0.1:3000; proxy_pass http://$app;", vec!["127.0.0.1:3000"]),
        ("set $h 127.0.0.1; set $p 81; proxy_pass http://$h:${p}$request_uri;", vec!["127.0.0.1:81"]),
        ("proxy_pass http://127.0.0.1:82$1;", vec!["127.0.0.1:82"]),
        ("proxy_pass http://127.0.0.1:83/x/$1?$args;", vec!["127.0.0.1:83"]),
        ("proxy_pass $scheme://app;", vec!["app:443", "app:80"]),
        ("set $s unix:/run/a.sock; fastcgi_pass $s;", vec!["/run/a.sock"]),
        ("set $s /run/a.sock; proxy_pass http://unix:$s:/x;", vec!["/run/a.sock"]),
    ] {
        assert_eq!(
            located(directives),
            (targets.iter().map(|t| (*t).to_owned()).collect(), true),
            "{directives}"
        );
    }
    for directives in [
        "proxy_pass http://$host;",
        "proxy_pass http://$1:80;",
        "set $a $a$a; proxy_pass http://$a;",
        "set $a x:1; auth_request_set $a $upstream_http_x; proxy_pass http://$a;",
        "proxy_pass http://127.0.0.1:$port;",
    ] {
        assert_eq!(located(directives), (vec![], false), "{directives}");
    }
}

#[test]
fn a_map_gives_all_its_values_and_the_unknown_means_any_block() {
    let (config, _) = config(&[(
        MAIN,
        "http { map $host $pool { default blue; ~*green green; }\nupstream blue { server 127.0.0.1:1; }\nupstream green { server 127.0.0.1:2; }\nserver { location / { proxy_pass http://$pool; } } }",
    )]);
    assert_eq!(
        upstreams(&config),
        ["127.0.0.1:1 <- nginx.conf:4 proxy_pass", "127.0.0.1:2 <- nginx.conf:4 proxy_pass"]
    );
    assert!(config.complete);
    let (config, unseen) = self::config(&[(
        MAIN,
        "http {\nupstream blue {\n server 127.0.0.1:1;\n}\nserver { location / { proxy_pass http://$cookie_pool; } } }",
    )]);
    assert_eq!(upstreams(&config), ["127.0.0.1:1 <- nginx.conf:3 server"]);
    assert_eq!(unseen[0].what, "what nginx passes on by /etc/nginx/nginx.conf:5");
}

#[test]
fn roots_with_variables_count_as_the_directory_above() {
    let text = "http { server { root /srv/$host/htdocs; location /a { alias /opt/app/static/; }\n set $r /var/www/x; location /b { root $r/y; } location /c { root html; } } }";
    let made =
        Made::new().file("usr/sbin/nginx", "").file(MAIN, text).file("usr/share/nginx/html/index.html", "");
    let roots = &crate::web::collect(&made.tree()).value[0].document_roots;
    assert_eq!(*roots, ["/opt/app/static", "/srv", "/usr/share/nginx/html", "/var/www/x/y"]);
}

#[test]
fn hostile_variables_end() {
    let many = |name: &str| format!("${name}").repeat(900);
    let text = format!(
        "http {{ set $a '{}'; set $b '{}'; set $c '{}'; set $d ''; server {{ location / {{ proxy_pass http://$a; }} }} }}",
        many("b"),
        many("c"),
        many("d")
    );
    let (config, unseen) = config(&[(MAIN, &text)]);
    assert!(config.upstreams.is_empty() && unseen.len() == 1, "{unseen:?}");
}

#[test]
fn scripts_are_not_understood_but_read_past() {
    let (config, unseen) = config(&[(
        MAIN,
        "http { server { location / { content_by_lua_block {\n local t = { a = '}' } -- }\n --[[ } ]] local s = [=[ } ]=]\n }\n }\n location /x { proxy_pass http://127.0.0.1:8080; } } }",
    )]);
    assert_eq!(upstreams(&config), ["127.0.0.1:8080 <- nginx.conf:6 proxy_pass"]);
    assert_eq!(unseen.len(), 1, "{unseen:?}");
    assert!(!config.complete);
}

#[test]
fn what_cannot_be_read_is_told_with_the_line_that_includes_it() {
    let (config, unseen) = config(&[
        (MAIN, "http {\n include absent.conf;\n include empty/*.conf;\n include loop;\n}"),
        ("etc/nginx/loop", "include loop;"),
    ]);
    assert!(!config.complete);
    assert_eq!(
        unseen[0].what,
        "what nginx passes on by /etc/nginx/absent.conf, included by /etc/nginx/nginx.conf:2"
    );
    assert!(unseen[1].why.contains("too deep"), "{unseen:?}");
    for (text, why) in
        [("http {", "not closed"), ("}", "closing brace"), ("a b", "ends within"), ("a 'b;", "ends within")]
    {
        let (config, unseen) = self::config(&[(MAIN, text)]);
        assert!(!config.complete && unseen[0].why.contains(why), "{text} {unseen:?}");
    }
}

#[test]
fn words_are_split_as_nginx_splits_them() {
    let mut lexer = Lexer::new("a \"b;\\\"c\" 'd{' e\\;f ${g}h;#x\n\n i{}");
    let words = |s: &Statement| s.words.iter().map(|w| w.as_str().to_owned()).collect::<Vec<_>>();
    let first = lexer.next().unwrap();
    assert_eq!(words(&first), ["a", "b;\"c", "d{", "e\\;f", "${g}h"]);
    let second = lexer.next().unwrap();
    assert_eq!((words(&second), second.end, second.line), (vec!["i".to_owned()], End::Open, 3));
    assert_eq!(lexer.next().unwrap().end, End::Close);
    assert_eq!(lexer.next(), None);
}

#[test]
fn captured_configurations_are_read() {
    for (name, text) in captured("nginx_conf") {
        let made = Made::new().file("usr/sbin/nginx", "").file(MAIN, &text);
        let facts = crate::web::collect(&made.tree());
        assert!(!facts.value[0].upstreams.is_empty(), "{name}");
        if name.ends_with("nginxconf.txt") {
            let targets: Vec<&str> = facts.value[0].upstreams.iter().map(|u| u.target.as_str()).collect();
            assert!(
                targets.contains(&"127.0.0.3:8001") && targets.contains(&"localhost:9000"),
                "{targets:?}"
            );
        }
    }
}

proptest! {
    #[test]
    fn any_text(text in "(proxy_pass http://|upstream a|server |include |set \\$a |map \\$a \\$b|x_by_lua_block|[{};\"'\\\\#\n$ ]|.){0,60}") {
        let (config, unseen) = testing::reused("usr/sbin/nginx", MAIN, &text);
        prop_assert_eq!(config.complete, unseen.is_empty());
    }
}
