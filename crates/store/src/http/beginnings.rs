//! What came along when objects were opened, kept for a while: so that values near the beginning of a file, and all of a
//! small one, cost no further request.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, Weak};

use crate::local::lock;
use crate::object::Prefix;

/// Bytes that are kept in all; those that came first go first. As much as 16 threads open at a time.
const KEPT_BYTES_MAX: usize = 8 * 1024 * 1024;

/// The beginnings of the objects of a run.
#[derive(Debug, Default)]
pub(crate) struct Beginnings(Mutex<Kept>);

#[derive(Debug, Default)]
struct Kept {
    bytes: usize,
    objects: VecDeque<(usize, Weak<Prefix>)>,
}

impl Beginnings {
    /// Keeps the first `length` bytes of an object, and gives up those that came first where there is no room.
    pub(crate) fn keep(&self, length: usize, prefix: &Arc<Prefix>) {
        let mut kept = lock(&self.0);
        kept.bytes = kept.bytes.saturating_add(length);
        kept.objects.push_back((length, Arc::downgrade(prefix)));
        while kept.bytes > KEPT_BYTES_MAX
            && let Some((dropped, object)) = kept.objects.pop_front()
        {
            kept.bytes = kept.bytes.saturating_sub(dropped);
            drop(object.upgrade().and_then(|object| object.take()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_came_first_goes_first() {
        let beginnings = Beginnings::default();
        let third = KEPT_BYTES_MAX / 3;
        let objects: Vec<_> = (0..5).map(|_| Arc::new(Prefix::new(Some(vec![1; third])))).collect();
        objects.iter().for_each(|object| beginnings.keep(third, object));
        let left: Vec<bool> = objects.iter().map(|object| object.copy(0, &mut [0])).collect();
        assert_eq!(left, [false, false, true, true, true]);
        assert!(lock(&beginnings.0).bytes <= KEPT_BYTES_MAX);
    }
}
