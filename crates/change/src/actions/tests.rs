use super::settings::edited;
use super::tables::{inetd, xinetd};

#[test]
fn an_entry_of_inetd_is_switched_off_as_update_inetd_does() {
    let table = "# telnet x\ntelnet stream tcp nowait root /t t\n*:telnet stream tcp6 nowait root /t\n\
                 telnetx stream tcp nowait root /t t\ntelnet\n";
    let off = "# telnet x\n#<off># telnet stream tcp nowait root /t t\n#<off># *:telnet stream tcp6 nowait root /t\n\
               telnetx stream tcp nowait root /t t\ntelnet\n";
    assert_eq!(inetd(table, "telnet").as_deref(), Some(off));
    assert_eq!(inetd(off, "telnet"), None, "it is off");
    assert_eq!(inetd(table, "ftp"), None);
    assert_eq!(inetd("", ""), None);
}

#[test]
fn an_entry_of_xinetd_gets_its_line() {
    let file = "defaults\n{\n\tlog_type = x\n}\nservice time\n{\n\tdisable = no\n\tid = time-stream\n\ttype = INTERNAL\n}\n\
                service time\n{\n\tid = time-dgram\n}\n";
    let off = "defaults\n{\n\tlog_type = x\n}\nservice time\n{\n\tdisable = yes\n\tid = time-stream\n\ttype = INTERNAL\n}\n\
               service time\n{\n\tid = time-dgram\n}\n";
    assert_eq!(xinetd(file, "time-stream").as_deref(), Some(off));
    assert!(xinetd(file, "time-dgram").unwrap().ends_with("{\n\tdisable = yes\n\tid = time-dgram\n}\n"));
    assert_eq!(xinetd(file, "time"), None);
    assert_eq!(xinetd("service x\n{\n", "x"), None, "it has no end");
}

#[test]
fn a_setting_is_set_where_its_place_is_beyond_doubt() {
    let all = [
        (
            "port 1\nbind 0.0.0.0\n# bind 1\nbinder x\n",
            "bind",
            "127.0.0.1 -::1",
            "port 1\nbind 127.0.0.1 -::1\n# bind 1\nbinder x\n",
        ),
        (
            "[mysqld]\nbind-address            = 0.0.0.0\n",
            "bind-address",
            "127.0.0.1",
            "[mysqld]\nbind-address            = 127.0.0.1\n",
        ),
        ("  host: 0.0.0.0", "host", "127.0.0.1", "  host: 127.0.0.1"),
        ("X=\"0.0.0.0\"\r\n", "X", "127.0.0.1", "X=\"127.0.0.1\"\r\n"),
        ("listen_addresses = '*'\n", "listen_addresses", "localhost", "listen_addresses = 'localhost'\n"),
        ("\tlisten-on { any; };\n", "listen-on", "{ 127.0.0.1; }", "\tlisten-on { 127.0.0.1; };\n"),
    ];
    for (text, setting, value, after) in all {
        assert_eq!(edited(text, setting, value).as_deref(), Ok(after), "{text:?}");
    }
}

#[test]
fn a_setting_in_doubt_is_left_to_somebodys_hand() {
    let all = [
        ("", "bind"),
        ("# bind 1\n", "bind"),
        ("bind 1\nbind 2\n", "bind"),
        ("bind\n", "bind"),
        ("bind 0.0.0.0 # all\n", "bind"),
        ("bind 0.0.0.0 \\\n", "bind"),
        ("listen-on {\n any;\n};\n", "listen-on"),
        ("bind 'a' 'b'\n", "bind"),
        ("bind \"a\n", "bind"),
    ];
    for (text, setting) in all {
        assert!(edited(text, setting, "127.0.0.1").is_err(), "{text:?}");
    }
}
