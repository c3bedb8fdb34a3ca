use proptest::prelude::*;

use super::syntax::{Form, Statement, lines};
use crate::fixture::Made;
use crate::web::testing::{self, captured, endpoints, upstreams};

const DEBIAN: &str = "etc/apache2/apache2.conf";

fn config(files: &[(&str, &str)]) -> (doorward_model::WebConfig, Vec<doorward_model::Unseen>) {
    testing::config("usr/sbin/apache2", files)
}

/// The targets of some directives in a virtual host, and whether all is understood.
fn hosted(directives: &str) -> (Vec<String>, bool) {
    let text = format!("<VirtualHost *:80>\n{directives}\n</VirtualHost>\n");
    let (config, unseen) = config(&[(DEBIAN, &text)]);
    assert_eq!(config.complete, unseen.is_empty(), "{unseen:?}");
    (config.upstreams.into_iter().map(|u| u.target).collect(), config.complete)
}

#[test]
fn debian_as_installed_is_complete_and_passes_nothing_on() {
    let (config, unseen) = config(&[
        (
            DEBIAN,
            "DefaultRuntimeDir ${APACHE_RUN_DIR}\nPidFile ${APACHE_PID_FILE}\nErrorLog ${APACHE_LOG_DIR}/error.log\nIncludeOptional mods-enabled/*.load\nIncludeOptional mods-enabled/*.conf\nInclude ports.conf\n<Directory /var/www/>\n\tAllowOverride None\n</Directory>\nAccessFileName .htaccess\nLogFormat \"%v:%p \\\"%r\\\"\" vhost_combined\nIncludeOptional sites-enabled/*.conf\n",
        ),
        ("etc/apache2/ports.conf", "Listen 80\n<IfModule ssl_module>\n\tListen 443\n</IfModule>\n"),
        ("etc/apache2/mods-enabled/alias.conf", "Alias /icons/ \"/usr/share/apache2/icons/\"\n"),
        (
            "etc/apache2/sites-enabled/000-default.conf",
            "<VirtualHost *:80>\n\t#ServerName www.example.com\n\tServerAdmin webmaster@localhost\n\tDocumentRoot /var/www/html\n\tCustomLog ${APACHE_LOG_DIR}/access.log combined\n</VirtualHost>\n",
        ),
        ("usr/share/apache2/icons/README", ""),
    ]);
    assert!(config.complete && unseen.is_empty(), "{unseen:?}");
    assert_eq!(config.server, "apache2");
    assert_eq!(config.files.len(), 4);
    assert_eq!(config.document_roots, ["/usr/share/apache2/icons", "/var/www/html"]);
    assert!(config.names.is_empty() && config.upstreams.is_empty());
}

#[test]
fn virtual_hosts_ports_and_logs() {
    let (config, _) = config(&[
        (
            DEBIAN,
            "ServerName main.example\nListen 80\nListen [::]:443 https\nListen 192.0.2.1:8080\n\
             CustomLog ${APACHE_LOG_DIR}/other.log vhost_combined\n\
             <VirtualHost *:80>\nServerName http://Shop.example:80\nServerAlias www.shop.example *.shop.example\n\
             CustomLog logs/shop.log combined\nTransferLog \"|/usr/bin/rotatelogs /var/log/x 86400\"\n</VirtualHost>\n\
             <VirtualHost _default_:443>\n</VirtualHost>\n<VirtualHost [::1] 192.0.2.1>\nServerName all.example\n\
             CustomLog syslog:local1 combined\nCustomLog ${UNKNOWN}/a.log combined\n</VirtualHost>\n",
        ),
        ("etc/apache2/envvars", "export APACHE_LOG_DIR=/var/log/apache2$SUFFIX\n"),
    ]);
    assert_eq!(
        endpoints(&config),
        [
            "*:443",
            "*.shop.example:80",
            "all.example:80",
            "all.example:443",
            "all.example:8080",
            "shop.example:80",
            "www.shop.example:80"
        ]
    );
    assert_eq!(config.access_logs, ["/etc/apache2/logs/shop.log", "/var/log/apache2/other.log"]);
    let bare = |text: &str| endpoints(&self::config(&[(DEBIAN, text)]).0);
    assert_eq!(
        bare("Listen 8080\nListen 81\n<VirtualHost *:81>\nServerName a\n</VirtualHost>"),
        ["*:8080", "a:81"]
    );
}

#[test]
fn every_way_to_pass_requests_on_is_seen() {
    for (directives, target) in [
        ("ProxyPass /app http://127.0.0.1:8080/app retry=0", "127.0.0.1:8080"),
        ("ProxyPassMatch ^/(.*\\.php)$ fcgi://127.0.0.1:9000/var/www/$1", "127.0.0.1:9000"),
        ("<Location /x>\nProxyPass \"unix:/run/x.sock|http://localhost/\"\n</Location>", "/run/x.sock"),
        (
            "<FilesMatch \\.php$>\nSetHandler \"proxy:unix:/run/php/php8.2-fpm.sock|fcgi://localhost\"\n</FilesMatch>",
            "/run/php/php8.2-fpm.sock",
        ),
        ("AddHandler \"proxy:fcgi://[::1]:9000\" .php", "[::1]:9000"),
        ("RewriteRule ^/(.*) http://localhost:3000/$1 [P,L]", "localhost:3000"),
        ("RewriteRule ^(/.*) ws://localhost:3001$1 [L,proxy]", "localhost:3001"),
        ("RewriteRule . http://backend%{REQUEST_URI} [P]", "backend:80"),
        ("RewriteRule \\.php$ - [H=proxy:unix:/run/fpm.sock|fcgi://x]", "/run/fpm.sock"),
        (
            "ProxyPass / balancer://pool/\n<Proxy balancer://pool>\nBalancerMember ajp://10.0.0.1 route=a\n</Proxy>",
            "10.0.0.1:8009",
        ),
        ("BalancerMember balancer://pool http://user:secret@10.0.0.2:81", "10.0.0.2:81"),
        ("ProxyPass /s scgi://localhost/", "localhost:4000"),
        ("FastCgiExternalServer /var/www/x -socket /run/f.sock -idle-timeout 9", "/run/f.sock"),
        ("AuthLDAPURL \"ldap:///ou=people?uid\"", "localhost:389"),
        ("SSLSessionCache memcache:127.0.0.1:11211", "127.0.0.1:11211"),
        ("DBDParams \"host=127.0.0.1 port=5432 user=a pass=hidden\"", "127.0.0.1:5432"),
    ] {
        assert_eq!(hosted(directives), (vec![target.to_owned()], true), "{directives}");
    }
    for directives in
        ["ProxyPass /static !", "RewriteRule ^/a http://elsewhere.example/ [R]", "SetHandler server-status"]
    {
        assert_eq!(hosted(directives), (vec![], true), "{directives}");
    }
}

#[test]
fn what_only_a_request_tells_is_not_complete() {
    for directives in [
        "RewriteRule ^/(.*) http://$1/ [P]",
        "RewriteRule . http://%{HTTP_HOST}:80/ [P]",
        "RewriteRule . ${map:x} [P]",
        "ProxyPass / http://${BACKEND}/",
        "ProxyPass /u uwsgi://localhost/",
        "ProxyRequests On",
        "Use Backend a b",
        "LuaMapHandler / /x.lua",
        "<Macro Backend>\nProxyPass / http://no.example/",
        "<Perl>\nProxyPass / http://no.example/\n</Perl>",
        "DBDParams dbname=x",
    ] {
        assert_eq!(hosted(directives), (vec![], false), "{directives}");
    }
    let (_, unseen) = config(&[(DEBIAN, "RewriteRule . http://me:hidden@$1/ [P]\nDBDParams pass=hidden")]);
    assert!(!format!("{unseen:?}").contains("hidden"), "{unseen:?}");
}

#[test]
fn variables_come_from_define_and_the_environment() {
    let (config, unseen) = config(&[
        (
            DEBIAN,
            "DefaultRuntimeDir ${APACHE_RUN_DIR}\nDefine port 8080\nDefine app http://localhost:${port}\nServerName https://${name}.example:443\nServerAlias *.example A.example\nInclude vhosts\nDocumentRoot htdocs\n",
        ),
        (
            "etc/apache2/envvars",
            "if [ x ]; then\n\tSUFFIX=\"-x\"\nelse\n\tSUFFIX=\nfi\nexport APACHE_RUN_DIR=/var/run/apache2$SUFFIX\nexport name=www\n",
        ),
        (
            "etc/apache2/vhosts/a/site",
            "ProxyPass /a ${app}/x \\\n  retry=1\nProxyPass /b unix:b.sock|http://b/\n",
        ),
    ]);
    assert!(unseen.is_empty(), "{unseen:?}");
    assert_eq!(config.names, ["*.example", "a.example", "www.example"]);
    assert_eq!(config.document_roots, ["/etc/apache2/htdocs"]);
    assert_eq!(
        upstreams(&config),
        ["/var/run/apache2/b.sock <- site:3 ProxyPass", "localhost:8080 <- site:1 ProxyPass"]
    );
}

#[test]
fn files_in_the_documents_are_read_where_they_may_override() {
    let access = "RewriteEngine On\nRewriteRule (.*) http://127.0.0.1:3000/$1 [P]\n";
    let site = |allowed: &str| {
        format!("DocumentRoot /var/www\n<Directory /var/www>\nAllowOverride {allowed}\n</Directory>\n")
    };
    let read = |allowed: &str| {
        config(&[(DEBIAN, &site(allowed)), ("var/www/app/.htaccess", access)]).0.upstreams.len()
    };
    assert_eq!((read("None"), read("Options FileInfo"), read("all")), (0, 1, 1));
}

#[test]
fn workers_of_mod_jk_are_tomcats() {
    let (config, unseen) = config(&[
        (
            DEBIAN,
            "<IfModule jk_module>\nJkWorkersFile /etc/libapache2-mod-jk/workers.properties\n</IfModule>",
        ),
        (
            "etc/libapache2-mod-jk/workers.properties",
            "ps=/\nworker.list=ajp13_worker\nworker.ajp13_worker.port=8009\nworker.ajp13_worker.host=localhost\nworker.ajp13_worker.type=ajp13\nworker.loadbalancer.type=lb\nworker.loadbalancer.balance_workers=ajp13_worker\nworker.jk-status.type=status\n",
        ),
    ]);
    assert!(unseen.is_empty(), "{unseen:?}");
    assert_eq!(upstreams(&config), ["localhost:8009 <- workers.properties:5 worker"]);
}

#[test]
fn what_is_absent_is_told_unless_it_may_be() {
    let (config, unseen) = config(&[(
        DEBIAN,
        "Include absent.conf\nIncludeOptional also-absent.conf\nInclude sites/*.conf\n<IfDefine X>\nInclude not-here.conf\n</IfDefine>\n",
    )]);
    assert!(!config.complete);
    assert_eq!(unseen.len(), 1, "{unseen:?}");
    assert_eq!(
        unseen[0].what,
        "what apache2 passes on by /etc/apache2/absent.conf, included by /etc/apache2/apache2.conf:1"
    );
}

#[test]
fn other_distributions_have_other_files() {
    let (config, _) = testing::config(
        "usr/sbin/httpd",
        &[
            (
                "etc/httpd/conf/httpd.conf",
                "ServerRoot \"/etc/httpd\"\nIncludeOptional conf.d/*.conf\nDocumentRoot \"/var/www/html\"\n",
            ),
            (
                "etc/httpd/conf.d/php.conf",
                "<IfModule !mod_php.c>\n<FilesMatch \\.(php|phar)$>\nSetHandler \"proxy:unix:/run/php-fpm/www.sock|fcgi://localhost\"\n</FilesMatch>\n</IfModule>\n",
            ),
        ],
    );
    assert_eq!((config.server.as_str(), config.complete), ("httpd", true));
    assert_eq!(upstreams(&config), ["/run/php-fpm/www.sock <- php.conf:3 SetHandler"]);
    let (config, _) = testing::config(
        "usr/sbin/httpd",
        &[
            ("etc/apache2/httpd.conf", "Include /etc/apache2/default-server.conf"),
            ("etc/apache2/default-server.conf", "DocumentRoot /srv/www/htdocs"),
        ],
    );
    assert_eq!((config.server.as_str(), config.complete), ("apache2", true));
}

#[test]
fn lines_are_split_as_apache_splits_them() {
    let all: Vec<_> = lines("a \\\n b\n# c \\\n d\n\n<E f>\n").map(|l| (l.text, l.number)).collect();
    assert_eq!(all, [("a  b".to_owned(), 1), ("<E f>".to_owned(), 6)]);
    let statement = Statement::of("ProxyPass \"/a \\\"b\" 'c d' e\\f");
    assert_eq!((statement.name.as_str(), statement.form), ("proxypass", Form::Simple));
    assert_eq!(statement.words, ["/a \"b", "c d", "e\\f"]);
    assert_eq!(Statement::of("<VirtualHost *:80>").words, ["*:80"]);
    assert_eq!(Statement::of("</VirtualHost>").form, Form::Close);
}

#[test]
fn captured_configurations_are_read() {
    for (name, text) in captured("httpd_conf") {
        let made = Made::new().file("usr/sbin/apache2", "").file(DEBIAN, &text);
        let facts = crate::web::collect(&made.tree());
        let config = &facts.value[0];
        assert!(config.complete && config.upstreams.is_empty(), "{name}: {facts:?}");
    }
}

proptest! {
    #[test]
    fn any_text(text in "(ProxyPass |RewriteRule |Include |Define a |BalancerMember |<Macro>|</|unix:|\\$\\{a\\}|[<>\"'\\\\#\n$ ]|.){0,60}") {
        let (config, unseen) = testing::reused("usr/sbin/apache2", DEBIAN, &text);
        prop_assert_eq!(config.complete, unseen.is_empty());
    }

    #[test]
    fn any_workers(text in "(worker\\.|a|\\.port|\\.type|=|ajp13|[0-9]|\n|.){0,40}") {
        // A file of workers that is its own: Apache takes its lines for directives that mean nothing.
        testing::reused("usr/sbin/apache2", DEBIAN, &format!("JkWorkersFile apache2.conf\n{text}"));
    }
}
