//! Which parameter a message has: ecCodes' concepts, matched as ecCodes matches them.
//!
//! Of a concept's values, the one with the most conditions counts of those whose conditions all hold, and the last of
//! several; a condition on a list counts for each of its numbers. The files of the centre come before those of the WMO, so that these win where both say the same.

use super::keys::Keys;
use super::tables::tables;

/// The value of a concept in two folders, read one after the other.
fn find(edition: u8, folders: [&str; 2], concept: &str, keys: &Keys) -> Option<&'static str> {
    let tables = tables();
    let parameter = keys.get(if edition == 1 { "indicatorOfParameter" } else { "parameterNumber" });
    let mut best: Option<(usize, &'static str)> = None;
    for folder in folders {
        let Some(file) = tables.concept(&format!("{edition} {folder} {concept}")) else { continue };
        for (_, value, number) in file.rows(parameter) {
            let conditions = tables.conditions(number);
            let weight = conditions.iter().map(|(_, wanted)| wanted.weight()).sum();
            let better = best.is_none_or(|(most, _)| weight >= most);
            if better && conditions.iter().all(|(key, wanted)| keys.holds(key, wanted)) {
                best = Some((weight, value));
            }
        }
    }
    best.map(|(_, value)| value)
}

/// What the definitions say of a parameter; the names are those of the definitions.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Parameter {
    /// The number of ECMWF's parameter database; 0 where the parameter is not known.
    pub(super) param_id: i64,
    pub(super) short_name: Option<&'static str>,
    pub(super) name: Option<&'static str>,
    pub(super) units: Option<&'static str>,
    pub(super) cf_name: Option<&'static str>,
    pub(super) cf_var_name: Option<String>,
}

/// Where concepts are looked for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Where {
    edition: u8,
    folders: [&'static str; 2],
    /// What the names of files of parameters end with.
    suffix: &'static str,
}

impl Where {
    pub(super) fn new(edition: u8, keys: &Keys) -> Self {
        if edition == 1 {
            return Self { edition, folders: [centre(edition, keys), "."], suffix: "" };
        }
        let dataset = dataset(keys);
        let folders = match dataset {
            Some(dataset) => [".", dataset],
            None => [centre(edition, keys), "."],
        };
        let suffix = ["", ".lte33", ".chemsplit"];
        let suffix = match switch(dataset, keys) {
            0 => suffix[1],
            2 => suffix[2],
            _ => suffix[0],
        };
        Self { edition, folders, suffix }
    }

    fn concept(&self, concept: &str, keys: &Keys) -> Option<&'static str> {
        let named = format!("{concept}{}", self.suffix);
        let ecmwf = ["ecmf", "."];
        find(self.edition, self.folders, &named, keys)
            .or_else(|| find(self.edition, ecmwf, &named, keys))
            .or_else(|| match self.edition {
                1 => None,
                _ => find(self.edition, ecmwf, &format!("{concept}.legacy"), keys),
            })
    }

    /// The parameter of a message.
    pub(super) fn parameter(&self, keys: &Keys) -> Parameter {
        // a tilde stands for nothing
        let given = |value: &&str| *value != "~";
        let short_name = self.concept("shortName", keys).filter(given);
        let param_id = self.concept("paramId", keys).and_then(|id| id.parse().ok()).unwrap_or(0);
        let plain = Self { suffix: "", ..*self };
        let cf_var_name = find(self.edition, self.folders, "cfVarName", keys)
            .or_else(|| (self.edition == 1).then(|| find(1, ["ecmf", "."], "cfVarName", keys)).flatten());
        Parameter {
            param_id,
            short_name,
            name: self.concept("name", keys),
            units: self.concept("units", keys).filter(given),
            cf_name: plain.concept("cfName", keys),
            cf_var_name: cf_var_name.map(str::to_owned).or_else(|| default_var_name(short_name, param_id)),
        }
    }

    /// How the field was made of those of an interval (`stepType`), in edition 1.
    pub(super) fn step_type(&self, keys: &Keys) -> Option<&'static str> {
        find(self.edition, self.folders, "stepType", keys)
    }

    /// The type of level, such as `isobaricInhPa`.
    pub(super) fn type_of_level(&self, keys: &Keys) -> Option<&'static str> {
        let found = find(self.edition, self.folders, "typeOfLevel", keys);
        match self.edition {
            1 => found.or_else(|| find(1, ["ecmf", "."], "typeOfLevel", keys)),
            _ => found,
        }
    }
}

/// The folder of the centre's own definitions.
fn centre(edition: u8, keys: &Keys) -> &'static str {
    let table = if edition == 1 { "centre1" } else { "centre2" };
    keys.get("centre").and_then(|centre| tables().code(table, centre)).map_or("none", |(short, _)| short)
}

/// The dataset whose definitions hold in place of the centre's (ecCodes' `datasetForLocal`).
fn dataset(keys: &Keys) -> Option<&'static str> {
    let by_class = match keys.get("marsClass") {
        Some(50) => Some("cerise"),
        Some(40) => Some("era6"),
        Some(35 | 38) => Some("hydro_legacy"),
        Some(42 | 43 | 48 | 49) => Some("hydro"),
        Some(39) => Some("fire"),
        Some(22 | 5 | 23 | 14 | 21 | 24 | 3 | 30 | 33) => Some("era"),
        Some(53) => Some("nextgems"),
        _ => None,
    };
    by_class.or(match keys.get("productionStatusOfProcessedData") {
        Some(4 | 5) => Some("tigge"),
        Some(6 | 7) => Some("s2s"),
        Some(8..=11) => Some("uerra"),
        Some(12 | 13) if keys.get("generation") == Some(1) => Some("destinegen1"),
        Some(12 | 13) => Some("destine"),
        Some(14 | 15) => Some("lcgcr"),
        Some(16 | 17) => Some("wpmip"),
        _ => None,
    })
}

/// Which generation of ECMWF's parameters a message has (ecCodes' `MTG2Switch`): 0 before, 1 after, 2 with chemicals apart.
fn switch(dataset: Option<&str>, keys: &Keys) -> u8 {
    match dataset {
        Some("cerise" | "destinegen1" | "era" | "hydro_legacy") => return 0,
        Some("era6") => return 1,
        _ => {}
    }
    let version = keys.get("tablesVersion").unwrap_or(0);
    if dataset.is_none() && keys.get("centre") == Some(98) && ecmwf_stays(keys, version) {
        return 0;
    }
    let by_version = match dataset {
        Some("destine" | "fire" | "hydro" | "nextgems" | "s2s" | "tigge" | "uerra") => true,
        Some(_) => keys.get("subCentre") == Some(98),
        None => keys.get("centre") == Some(98) || keys.get("subCentre") == Some(98),
    };
    match (by_version, version > 33) {
        (false, _) => 1,
        (true, false) => 0,
        (true, true) if matches!(keys.get("marsClass"), Some(19 | 36)) => 2,
        (true, true) => 1,
    }
}

/// Models of ECMWF whose parameters stay as they were, with whatever version of the tables.
fn ecmwf_stays(keys: &Keys, version: i64) -> bool {
    let (background, process) = (keys.get("backgroundProcess"), keys.get("generatingProcessIdentifier"));
    let status = keys.get("productionStatusOfProcessedData").unwrap_or(0);
    let cycle = background == Some(255) && matches!(status, 0 | 2);
    let first = matches!(process, Some(161 | 109 | 209)) && matches!(version, 34..=36);
    let third = matches!(process, Some(163 | 111 | 211)) && version == 35;
    let learnt = matches!(version, 34..=36) && status == 0 && keys.get("marsClass") == Some(51);
    let single = matches!(background, Some(1 | 3)) && process == Some(6);
    let members = matches!(background, Some(2 | 4)) && process == Some(3);
    let points = version == 35
        && status == 0
        && matches!(keys.get("inputProcessIdentifier"), Some(16 | 65533))
        && keys.get("inputOriginatingCentre") == Some(98)
        && keys.get("typeOfGeneratingProcess") == Some(13)
        && keys.get("typeOfPostProcessing") == Some(206);
    cycle && (first || third) || learnt || single || members || points
}

/// The variable name of a parameter without one of its own: its short name, whose digits at the beginning go to the end
/// (`10u` is `u10`), or its number.
fn default_var_name(short_name: Option<&str>, param_id: i64) -> Option<String> {
    let Some(short_name) = short_name.filter(|name| *name != "unknown") else {
        return (param_id != 0).then(|| format!("p{param_id}"));
    };
    let rest = short_name.trim_start_matches(|c: char| c.is_ascii_digit());
    let digits = short_name.get(..short_name.len() - rest.len()).unwrap_or_default();
    Some(format!("{rest}{digits}"))
}
