//! The `mask` step: `mask: {sst: {below: -3, above: 45}}`.

use arcoforge_core::dtype::Scalar;
use arcoforge_core::recipe::MaskRule;

use crate::node::{Node, shorten};
use crate::read::{Cx, Entries, OneOrMany, Read, Text, schema_as, written};
use crate::scalar::Raw;
use crate::values::{Real, entries, finite};

written! {
    /// Which values become missing; a cell does where any of the conditions holds. At least one condition.
    #[schemars(rename = "Mask", extend("minProperties" = 1))]
    struct MaskMap {
        required {}
        optional {
            /// Decoded values below this.
            below: Real,
            /// Decoded values above this.
            above: Real,
            /// Values equal to one of these, as they are stored at that point (before `scale_factor` and `add_offset`; after
            /// a `cast`, as it leaves them). Values that the type does not have are refused.
            equals: OneOrMany<Raw>,
            /// Flag variable → values, or meanings of its `flag_meanings`: the cells where it has one of them.
            flags: Entries<OneOrMany<Raw>>,
        }
    }
}

/// The rule of one variable, whose name stands outside of it.
#[derive(Debug, Clone)]
pub(crate) struct Mask(MaskRule);

/// The value of the step: variables (globs) in the order written.
pub(crate) fn masks(node: &Node, cx: &mut Cx) -> Option<Vec<MaskRule>> {
    let masks = entries::<Mask>(node, cx)?;
    let named = |(variable, mask): (Text, Mask)| MaskRule { variable: variable.value, ..mask.0 };
    Some(masks.into_iter().map(named).collect())
}

impl Read for Mask {
    fn read(node: &Node, cx: &mut Cx) -> Option<Self> {
        let before = cx.diagnostics.len();
        let map = MaskMap::read(node, cx)?;
        if let (Some(below), Some(above)) = (&map.below, &map.above)
            && below.value > above.value
        {
            let message =
                format!("{} masks every value: below {} or above {}", cx.place(), below.value, above.value);
            cx.bad_value::<()>(&above.span, message, Some("exchange them".into()));
        }
        let rule = MaskRule {
            variable: String::new(),
            below: map.below.and_then(|number| cx.within("below", |cx| finite(&number, cx))),
            above: map.above.and_then(|number| cx.within("above", |cx| finite(&number, cx))),
            equals: map.equals.as_ref().map_or_else(Vec::new, scalars),
            flags: flags(map.flags, cx),
        };
        let nothing = MaskRule::default() == rule;
        // an unknown key or a wrong value was reported
        if nothing && cx.diagnostics.len() == before {
            let help = "give one or more of `below`, `above`, `equals` and `flags`".to_owned();
            return cx.bad_value(&node.span, format!("{} masks nothing", cx.place()), Some(help));
        }
        (!nothing).then_some(Self(rule))
    }
}

fn flags(written: Option<Entries<OneOrMany<Raw>>>, cx: &mut Cx) -> Vec<(String, Vec<Scalar>)> {
    let mut flags = Vec::new();
    for (flag, values) in written.map_or_else(Vec::new, |flags| flags.0) {
        if values.0.is_empty() {
            let message = format!("{} gives no values of `{}`", cx.place(), shorten(&flag.value));
            cx.bad_value::<()>(&flag.span, message, None);
        }
        flags.push((flag.value, scalars(&values)));
    }
    flags
}

fn scalars(raws: &OneOrMany<Raw>) -> Vec<Scalar> {
    raws.0.iter().map(Raw::value).collect()
}

schema_as! {
    [] Mask => MaskMap;
}
