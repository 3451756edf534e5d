//! Values that lie in files and were read, put together as the dataset has them.

use std::sync::Arc;

use crate::block::Block;
use crate::chunk::{Region, indices};
use crate::combine::{CombinedVar, Content, File, Pieces, Segment, filled, place};
use crate::derived::{Run, Runs, taken};
use crate::error::{Code, Error, Result};

/// All values of a variable. Those of files must have been read.
///
/// # Errors
/// `step-invalid` where they are too large to be kept in memory.
pub(super) fn values(variable: &CombinedVar, files: &[File]) -> Result<Arc<Block>> {
    let pieces = match &variable.content {
        Content::Values(block) => return Ok(Arc::clone(block)),
        Content::Pieces(pieces) => pieces,
    };
    let var = &variable.var;
    let bug = || Error::new(Code::Bug, "values in hand do not fit together").in_variable(&var.name);
    let mut whole = filled(var.dtype, var.shape.clone(), &variable.unwritten).ok_or_else(bug)?;
    let counts: Vec<u64> = pieces.along.iter().map(|along| along.segments.len() as u64).collect();
    for index in indices(&Region::whole(&counts)) {
        let segments: Vec<&Segment> = pieces
            .along
            .iter()
            .zip(&index)
            .filter_map(|(along, &at)| along.segments.get(at as usize))
            .collect();
        let Some(piece) = pieces.of(segments.iter().copied()) else { continue };
        let file = files.get(piece.file as usize).ok_or_else(bug)?;
        let block = file.values.get(&var.name).and_then(|values| values.block.as_ref()).ok_or_else(|| {
            let error = Error::new(Code::StepInvalid, "the values are too large to be kept in memory");
            error.in_variable(&var.name).at(&*file.url)
        })?;
        let (mut runs, mut origin) = (Vec::new(), vec![0; var.shape.len()]);
        for (dim, &length) in block.shape.iter().enumerate() {
            let segment = pieces.along.iter().zip(&segments).find(|(along, _)| along.dim == dim);
            runs.push(match segment {
                Some((_, s)) => {
                    *origin.get_mut(dim).ok_or_else(bug)? = s.start;
                    Runs::new([Run { first: Some(s.first), count: s.count, reversed: s.reversed }])
                }
                None => Runs::range(0..length),
            });
        }
        place(&mut whole, &taken(block, &runs)?, &origin).then_some(()).ok_or_else(bug)?;
    }
    Ok(Arc::new(whole))
}

impl Pieces {
    /// The file of these segments, one for each dimension of `along`.
    fn of<'a>(&self, segments: impl Iterator<Item = &'a Segment>) -> Option<crate::combine::Piece> {
        let mut flat = 0;
        for (along, segment) in self.along.iter().zip(segments) {
            flat = flat * along.keys as usize + segment.key? as usize;
        }
        self.files.get(flat).copied().flatten()
    }

    /// The file that holds a cell; `None` where none does.
    pub fn file(&self, cell: &[u64]) -> Option<crate::combine::Piece> {
        let segments: Option<Vec<&Segment>> =
            self.along.iter().map(|along| along.segment(cell.get(along.dim).copied()?)).collect();
        self.of(segments?.into_iter())
    }
}
