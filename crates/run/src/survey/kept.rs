//! Which values a survey keeps, and which it leaves in their file.

use arcoforge_core::dtype::DataType;
use arcoforge_core::plan::IN_HAND_BYTES;
use arcoforge_core::schema::Storage;
use arcoforge_core::steps::{Mapped, Origin};
use arcoforge_store::{Access, Object};

/// Values up to this size are kept; of larger ones only the digest.
const KEPT_BYTES_MAX: u64 = 8 << 20;

/// Whether a variable's values are kept, and not only their digest.
pub(super) fn is_kept(mapped: &Mapped) -> bool {
    mapped.var.bytes() <= KEPT_BYTES_MAX
        || mapped.sources().iter().any(|leaf| leaf.var.storage == Storage::Whole)
        || mapped.var.is_dimension_coordinate() // the order of files is told by its values, however many
        || matches!(mapped.origin, Origin::Constant(_))
}

/// Whether the values of the only input need not be read before they are written: chunks on a server, of which each costs a
/// request, are not asked for to make a plan.
pub(super) fn is_left_where_it_is(mapped: &Mapped, object: &dyn Object) -> bool {
    let var = &mapped.var;
    let is_plain =
        matches!(mapped.origin, Origin::Source { .. }) && matches!(var.storage, Storage::Chunks { .. });
    let is_small =
        var.bytes() <= IN_HAND_BYTES || var.is_dimension_coordinate() || var.dtype == DataType::Text;
    let is_far = matches!(object.access(), Access::Ranges | Access::Later);
    is_plain && !is_small && is_far && !object.is_at_hand(&(0..object.validator().size))
}
