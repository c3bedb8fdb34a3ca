//! `doorward plan`: written, read, edited, refused.

use super::{Place, SAVED, host, with};

const PLAN: [&str; 1] = ["plan"];

fn plan(place: &Place, more: &[&str]) -> String {
    place.says(0, &with(&with(&PLAN, &SAVED), more))
}

#[test]
fn a_plan_is_a_file_that_teaches() {
    let place = Place::new();
    let text = plan(&place, &[]);
    assert_eq!(text, plan(&place, &[]), "same snapshot, same plan");
    insta::assert_snapshot!("plan", text);
    place.write("plan.toml", &text);
    insta::assert_snapshot!("plan_checked", plan(&place, &["--check", "plan.toml"]));
}

#[test]
fn a_plan_for_programs() {
    let place = Place::new();
    let document = plan(&place, &["--format", "json"]);
    insta::assert_snapshot!("plan_json", document);
    // The plan's own file beside it: that one is applied.
    assert_eq!(plan(&place, &["--format", "json", "-o", "plan.toml"]), document);
    assert_eq!(plan(&place, &["--format", "json", "--check", "plan.toml"]), document);
    let file = std::fs::read_to_string(place.path().join("plan.toml")).unwrap();
    assert_eq!(file, plan(&place, &[]));
    place.fails(2, &with(&with(&PLAN, &SAVED), &["--format", "json", "--emit", "shell"]));
}

#[test]
fn where_nothing_was_applied_programs_are_told_so() {
    let place = Place::new();
    let at = ["--state", "none", "--format", "json"];
    let told: Vec<String> = ["status", "log", "verify"].map(|word| place.says(0, &with(&[word], &at))).into();
    insta::assert_snapshot!("nothing_applied_json", told.concat());
    // An error is told in words, and is no document.
    let failed = place.run(&with(&["log", "7"], &at));
    assert_eq!((failed.status.code(), failed.stdout.as_slice()), (Some(3), &[][..]));
}

#[test]
fn a_plan_for_other_means() {
    let place = Place::new();
    for form in ["ansible", "systemd-preset", "shell"] {
        insta::assert_snapshot!(format!("plan_{form}"), plan(&place, &["--emit", form]));
        assert_ne!(plan(&place, &["--emit", form]), plan(&place, &["--emit", form, "--inverse"]));
    }
}

#[test]
fn a_plan_edited_into_harm_is_refused_with_place_and_reason() {
    let place = Place::new();
    let text = plan(&place, &["--prefer", "disable"]);
    let refused = |edited: &str| {
        place.write("plan.toml", edited);
        place.fails(3, &with(&with(&PLAN, &SAVED), &["--check", "plan.toml"]))
    };
    let mut all = refused(&text.replace("units = [\"redis-server.service\"]", "units = [\"nginx.service\"]"));
    all += "\n";
    all += &refused(&text.replace("on = true", "on = maybe"));
    all += "\n";
    all += &refused(&text.replacen("action = \"disable\"", "action = \"explode\"", 1));
    all += "\n";
    all += &refused(&text.replace("schema_version = 1", "schema_version = 9"));
    insta::assert_snapshot!("plan_refused", all);
}

#[test]
fn a_plan_of_a_host_that_has_changed_is_refused_with_the_difference() {
    let place = Place::new();
    place.write("plan.toml", &plan(&place, &[]));
    let mut changed = host::snapshot();
    changed["listeners"].as_array_mut().unwrap().pop();
    changed["host"]["kernel"] = "9.9.9".into();
    place.write("snapshot.json", &changed.to_string());
    insta::assert_snapshot!(
        "plan_of_another_day",
        place.fails(3, &with(&with(&PLAN, &SAVED), &["--check", "plan.toml"]))
    );
}
