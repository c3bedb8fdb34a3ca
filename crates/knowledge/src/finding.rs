//! Which settings of a host let in more than they should.

use doorward_model::AccessSetting;

use crate::{FindingEntry, Index};

/// What stands between the parts of a list in a setting's value.
const SEPARATOR: &str = "; ";

/// Where policies stand in the registry. They overrule what the host itself says.
const POLICIES: &str = r"\policies\";

impl FindingEntry {
    /// Whether a setting is at fault. Whether the entry describes the system is for the caller to know
    /// ([`Index::findings`]).
    pub fn is_met_by(&self, index: &Index<'_>, setting: &AccessSetting) -> bool {
        let is_one =
            |patterns: &[String], text: &str| patterns.iter().any(|p| index.pattern(p).is_match(text));
        self.topic == setting.topic
            && index.pattern(&self.name).is_match(&setting.name)
            && setting
                .value
                .split(SEPARATOR)
                .any(|part| is_one(&self.values, part) && !is_one(&self.except, part))
    }
}

impl Index<'_> {
    /// All settings at fault with what is said of them, in the order of the entries. What a policy overrules is none.
    pub fn findings_in<'a, 's>(
        &'a self,
        settings: &'s [AccessSetting],
    ) -> impl Iterator<Item = (&'a FindingEntry, &'s AccessSetting)> + use<'a, 's> {
        self.findings().flat_map(move |entry| {
            let is_met = move |s: &&AccessSetting| entry.is_met_by(self, s) && !overruled(entry, s, settings);
            settings.iter().filter(is_met).map(move |setting| (entry, setting))
        })
    }
}

/// Whether a policy sets the same thing.
fn overruled(entry: &FindingEntry, setting: &AccessSetting, settings: &[AccessSetting]) -> bool {
    let name = entry.policy.as_ref().unwrap_or(&setting.name);
    let overrules =
        |s: &AccessSetting| is_policy(s) && s.topic == setting.topic && s.name.eq_ignore_ascii_case(name);
    !is_policy(setting) && settings.iter().any(overrules)
}

fn is_policy(setting: &AccessSetting) -> bool {
    setting.place.to_ascii_lowercase().contains(POLICIES)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Knowledge, NtVersion, System};
    use proptest::prelude::*;

    fn setting(topic: &str, name: &str, place: &str, value: &str) -> AccessSetting {
        let [topic, name, place, value] = [topic, name, place, value].map(str::to_owned);
        AccessSetting { topic, name, place, value, meaning: String::new() }
    }

    fn knowledge(entry: &str) -> Knowledge {
        let form = format!(
            "id = \"a\"\nsystems = [\"windows 6.0..\"]\ntopic = \"T\"\ntext = \"x\"\nremedy = \"y\"\nsources = [\"z\"]\n{entry}"
        );
        Knowledge { findings: vec![toml::from_str(&form).unwrap()], ..Knowledge::default() }
    }

    fn windows(knowledge: &Knowledge, major: u16) -> Index<'_> {
        Index::for_system(knowledge, System::Windows(NtVersion::new(major, 0)))
    }

    /// Whether the entry finds a value of `T`, `Name`.
    fn is_met(entry: &str, value: &str) -> bool {
        let knowledge = knowledge(entry);
        let index = windows(&knowledge, 10);
        knowledge.findings[0].is_met_by(&index, &setting("T", "Name", r"HKLM\SYSTEM", value))
    }

    #[test]
    fn parts_of_lists_are_compared_one_by_one() {
        let entry = "name = 'n*'\nvalues = ['Everyone: *log on*']\nexcept = ['*: denied *']";
        assert!(is_met(entry, "SYSTEM: full control; everyone: query information, log on"));
        assert!(!is_met(entry, "Everyone: query information; Administrators: log on"));
        assert!(!is_met(entry, "Everyone: denied log on"));
        let listed = "name = 'Name'\nvalues = ['*']\nexcept = ['', 'fine']";
        assert!(is_met(listed, "fine; other") && !is_met(listed, "FINE; fine") && !is_met(listed, ""));
        assert!(!is_met("name = 'Name'\nvalues = ['0', '1']", "10"));
    }

    #[test]
    fn topic_name_and_system_have_to_fit() {
        let knowledge = knowledge("name = 'Name'\nvalues = ['1']");
        let settings =
            [setting("T", "name", "", "1"), setting("U", "Name", "", "1"), setting("T", "Names", "", "1")];
        let found = |major| {
            let index = windows(&knowledge, major);
            index.findings_in(&settings).map(|(_, s)| s.name.clone()).collect::<Vec<_>>()
        };
        assert_eq!((found(10), found(5)), (vec!["name".to_owned()], vec![]));
    }

    #[test]
    fn policies_overrule() {
        let policy = r"HKLM\SOFTWARE\Policies\Microsoft\X";
        let count = |entry: &str, settings: &[AccessSetting]| {
            let knowledge = knowledge(entry);
            windows(&knowledge, 6).findings_in(settings).count()
        };
        let own = setting("T", "Name", r"HKLM\SYSTEM\X", "0");
        let entry = "name = 'Name'\nvalues = ['0']";
        assert_eq!(count(entry, std::slice::from_ref(&own)), 1);
        assert_eq!(count(entry, &[own.clone(), setting("T", "name", policy, "1")]), 0);
        assert_eq!(count(entry, &[own.clone(), setting("T", "Name", policy, "0")]), 1, "the policy's");
        let named = "name = 'Name'\npolicy = 'Other'\nvalues = ['0']";
        assert_eq!(count(named, &[own, setting("T", "Other", policy, "1")]), 0);
    }

    proptest! {
        #[test]
        fn any_value_is_taken(values in prop::collection::vec("[ab*; ]{0,5}", 0..4), value in "([ab]|; ){0,8}") {
            let entry = format!("name = '*'\nvalues = {values:?}");
            let met = is_met(&entry, &value);
            prop_assert!(met == value.split("; ").any(|part| values.iter().any(|v| crate::Pattern::new(v, true).is_match(part))));
        }
    }
}
