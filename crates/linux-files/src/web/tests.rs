use super::*;
use crate::fixture::Made;

#[test]
fn the_configuration_of_a_removed_server_is_not_read() {
    let made = Made::new().file("etc/nginx/nginx.conf", "events {}");
    assert_eq!(collect(&made.tree()), Facts::default());
}
