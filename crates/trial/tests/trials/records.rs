//! Records that are none, or another's.

use doorward_trial::Record;

use crate::world::{self, World};
use crate::{USUAL, try_out};

fn world() -> World {
    let mut world = world::world(0, (0..4).map(world::disable).collect());
    world.needs(crate::host::Shows::Stopped, &["disable:s1.service"], Some(0));
    world
}

/// What is said of a record that was changed.
fn refused(change: impl FnOnce(&mut serde_json::Value)) -> String {
    let world = world();
    let (_, record) = try_out(&world, USUAL);
    let mut json = serde_json::from_str(&record.print()).unwrap();
    change(&mut json);
    Record::read(&json.to_string(), &world.plan).unwrap_err().to_string()
}

#[test]
fn a_record_is_read_as_it_was_printed() {
    let world = world();
    let (_, record) = try_out(&world, USUAL);
    assert_eq!(Record::read(&record.print(), &world.plan).unwrap(), record);
}

#[test]
fn what_is_no_record_is_refused() {
    for text in ["", "{}", "[]", "{\"schema_version\": 1}", "{\"schema_version\": -1}", "trial"] {
        let error = Record::read(text, &world().plan).unwrap_err().to_string();
        assert!(error.starts_with("it is not a record of trials: "), "{text}: {error}");
    }
    let error = refused(|json| json["trials"][0]["seconds"] = (-1).into());
    assert!(error.starts_with("it is not a record of trials: "), "{error}");
}

#[test]
fn a_record_of_another_version_is_told_even_if_nothing_else_is_known() {
    for (version, rest) in
        [("2", "\"what\": 1"), ("18446744073709551615", "\"trials\": {}"), ("0", "\"host\": 1")]
    {
        let text = format!("{{\"schema_version\": {version}, {rest}}}");
        let error = Record::read(&text, &world().plan).unwrap_err().to_string();
        assert_eq!(error, format!("it is of version {version}, and this program knows version 1"));
    }
}

#[test]
fn a_record_of_another_host_is_refused() {
    assert_eq!(refused(|json| json["host"] = "mail\u{1b}".into()), "it is of the host \"mail\\u{1b}\"");
}

#[test]
fn trials_that_cannot_have_been_are_refused_by_number() {
    let both = refused(|json| {
        let passed = json["trials"][1]["passed"].clone();
        json["trials"][1]["problem"] = "it does not stop".into();
        assert!(
            passed.as_array().unwrap().iter().any(|test| test.as_str().unwrap().starts_with("what is shut"))
        );
    });
    assert_eq!(both, "it is damaged: trial 2 has a test that passed and failed");
    let removed = refused(|json| json["trials"][0]["removed"] = vec!["disable:other"].into());
    assert_eq!(removed, "it is damaged: trial 1 removed what it did not shut");
    let order = refused(|json| json["trials"][0]["round"] = 99.into());
    assert_eq!(order, "it is damaged: trial 2 is of an earlier round than the one before");
}
