//! The survey: every input is opened once, its schema transformed, and what combining needs of its values is read.

mod all;
mod cache;
mod hand;
mod interner;
mod kept;

use std::sync::Arc;

use arcoforge_core::block::{Block, BlockData};
use arcoforge_core::chunk::{ChunkRefs, Region};
use arcoforge_core::combine::{self, CombineAxis, File, Held, Values};
use arcoforge_core::derived::evaluate;
use arcoforge_core::error::{Code, Error, Result};
use arcoforge_core::pattern::{Pattern, Position};
use arcoforge_core::plan::IN_HAND_BYTES;
use arcoforge_core::recipe::Recipe;
use arcoforge_core::schema::{Format, Storage};
use arcoforge_core::steps::{self, FileContext, FileView, Mapped, Origin, Unmatched, permute};
use arcoforge_read::Reader;
use arcoforge_store::{Object, Validator, redact};
use xxhash_rust::xxh3::{Xxh3, xxh3_128};

use crate::checksums::Expected;
use crate::session::{Event, Session};

use cache::{Facts, Replay};
use hand::Room;
use kept::{is_kept, is_left_where_it_is};

pub(crate) use all::{All, survey_all};
pub(crate) use cache::{Place, SurveyCache};
pub(crate) use hand::{Hand, check_files};
pub(crate) use interner::Interner;

/// Values that decide what a step does are read up to this size.
const DECISIVE_BYTES_MAX: u64 = 64 << 20;
/// Values are read in rows of about this size.
const PART_BYTES: u64 = 8 << 20;

/// Where chunks are, by the file's arrays: few, so that a list takes less than a map.
#[derive(Debug, Clone, Default)]
pub struct Refs(Vec<(Arc<str>, ChunkRefs)>);

impl Refs {
    /// Those of an array of the file.
    pub fn get(&self, array: &str) -> Option<&ChunkRefs> {
        self.0.iter().find(|(name, _)| **name == *array).map(|(_, refs)| refs)
    }

    fn insert(&mut self, array: &Arc<str>, refs: ChunkRefs) {
        self.0.reserve_exact(1);
        self.0.push((Arc::clone(array), refs));
    }
}

/// One input after the survey.
#[derive(Debug)]
pub struct Surveyed {
    /// The open input.
    pub object: Arc<dyn Object>,
    /// Where the chunks of the file's arrays are; of those only whose values are not in hand.
    pub refs: Refs,
    /// Where what is known of it is kept.
    pub(crate) place: Option<Place>,
}

/// What one input gave.
pub(crate) struct Found {
    pub(crate) file: File,
    pub(crate) surveyed: Surveyed,
    pub(crate) unmatched: Vec<Unmatched>,
}

/// What surveys share in this run, and what they keep for the next.
pub(crate) type Kept<'a> = (&'a Interner, Option<&'a SurveyCache>);

/// One input, open or known.
pub(crate) struct Opened<'a> {
    pub(crate) object: Arc<dyn Object>,
    /// Which candidate of its position it is.
    pub(crate) candidate: &'a str,
    known: Option<Arc<Facts>>,
    place: Option<Place>,
    /// What told its version before it was opened, where that tells it from every later one.
    version: Option<Validator>,
}

/// Opens the first candidate of a position that exists; `None` where none does. One of which a survey is kept is not
/// opened as long as it has the same version.
pub(crate) fn open<'a>(
    session: &Session<'_>,
    cache: Option<&SurveyCache>,
    position: &'a Position,
) -> Result<Option<Opened<'a>>> {
    for candidate in &position.candidates {
        let mut place = cache.map(|cache| cache.place(position, &redact(candidate)));
        let known = cache.zip(place.as_mut()).and_then(|(cache, place)| cache.find(place));
        let remote = candidate.contains("://") && !candidate.starts_with("file:");
        // a server is asked only where the answer may save more
        let asked = known.is_some() || (place.is_some() && !remote);
        let version = asked.then(|| session.sources.version(candidate)).flatten();
        if let Some(facts) = known.filter(|facts| version.as_ref() == Some(&facts.version)) {
            let object = session.sources.deferred(candidate, &facts.url, facts.validator.clone());
            return Ok(Some(Opened { object, candidate, known: Some(facts), place, version }));
        }
        if let Some(object) = session.sources.open_keyed(candidate)? {
            // what tells its version is known only once it is open
            return Ok(Some(Opened { object, candidate, known: None, place: None, version: None }));
        }
        match session.open(candidate) {
            Err(error) if error.code == Code::SourceNotFound => {}
            Err(error) => return Err(error),
            Ok(object) => {
                let version = if remote { Some(object.validator().clone()) } else { version };
                let version = version.filter(|version| cache::is_settled(version, remote));
                return Ok(Some(Opened { object, candidate, known: None, place, version }));
            }
        }
    }
    Ok(None)
}

/// What all inputs of a recipe are surveyed with.
pub(crate) struct Surveyor<'a> {
    pub(crate) session: &'a Session<'a>,
    pub(crate) recipe: &'a Recipe,
    pub(crate) pattern: &'a Pattern,
    pub(crate) axes: &'a [CombineAxis],
    /// There is one input, and nothing to compare its values with.
    pub(crate) alone: bool,
    pub(crate) expected: Expected,
    pub(crate) interner: &'a Interner,
    pub(crate) cache: Option<&'a SurveyCache>,
}

impl Surveyor<'_> {
    /// Surveys one input.
    pub(crate) fn survey(&self, position: &Position, opened: Opened<'_>) -> Result<Found> {
        let Opened { object, candidate, known, mut place, version } = opened;
        let url = object.name();
        place.iter_mut().for_each(|place| place.share(&url));
        let replay = Replay::new(&object, known).map_err(|e| e.at(&*url))?;
        if let Some(remark) = replay.remark() {
            self.session.tell(&Event::Warning(remark.to_owned()));
        }
        replay.check(self.expected.marks(candidate), || self.expected.verify(self.session, candidate))?;
        let mut unmatched = Vec::new();
        let view = self.view(position, &url, &replay, &mut unmatched).map_err(|e| e.at(&*url))?;
        let (view, values, refs) = self.look(view, (&object, &url), &replay)?;
        if let (Some(cache), Some(place), Some(facts)) = (self.cache, &place, replay.learned(version)) {
            cache.keep(place, facts);
        }
        let file = File { url, index: position.index.as_slice().into(), view, values };
        Ok(Found { file, surveyed: Surveyed { object, refs, place }, unmatched })
    }

    /// The schema of one input after the steps.
    fn view(
        &self,
        position: &Position,
        url: &str,
        reader: &Replay<'_>,
        unmatched: &mut Vec<Unmatched>,
    ) -> Result<FileView> {
        let Self { recipe, pattern, axes, interner, .. } = *self;
        let keys: Vec<_> =
            position.keys.iter().map(|(name, key)| (name.clone(), key.clone(), pattern.calendar())).collect();
        let open = || steps::open_group(reader.schema(), recipe.source.group.as_deref());
        let view = match reader.shared_schema() {
            Some(schema) => interner.opened(schema, open)?,
            None => open()?,
        };
        let context = FileContext { url, keys: &keys, axes };
        let shown = interner.is_first(&position.index);
        let mut history = if shown { vec![view.clone()] } else { Vec::new() };
        let mut values = |mapped: &Mapped| decisive(reader, mapped, &interner.hand);
        let mut after = |view: &FileView| history.extend(shown.then(|| view.clone()));
        let view = steps::apply(view, &recipe.steps, context, &mut values, unmatched, &mut after)?;
        if shown {
            interner.first(&position.index, history);
        }
        let mut view = steps::expand_scalars(view, axes, context)?;
        if reader.format() == Format::Tiff {
            view = steps::expand_image(view, axes, context)?;
        }
        interner.share_variables(&mut view);
        Ok(view)
    }

    /// The values of one input that combining needs in any case, and where the rest is.
    fn look(
        &self,
        mut view: FileView,
        (object, url): (&Arc<dyn Object>, &Arc<str>),
        reader: &Replay<'_>,
    ) -> Result<(Arc<FileView>, Held, Refs)> {
        let needed = combine::needs_always(self.axes, &view);
        let (mut own, mut alike, mut refs) = (Vec::new(), Vec::new(), Refs::default());
        for mapped in &mut view.variables {
            let name = &mapped.var.name;
            let at = |e: Error| e.in_variable(name).at(&**url);
            // large values are only compared, and only where there is something to compare them with: see `combine::needs`
            let left = self.alone && is_left_where_it_is(mapped, object.as_ref());
            if needed.contains(name) && is_kept(mapped) && !left {
                let varies = |axis: &CombineAxis| axis.is_concat() && mapped.var.dims.contains(&axis.name);
                let is_own = self.axes.iter().any(varies);
                let Some(room) = self.interner.hand.take(&mapped.var, is_own) else {
                    // told in the end: how much it is; until then it is not kept either
                    forget_constant(&mut mapped.origin);
                    continue;
                };
                let read = read_values(reader, mapped, (self.interner, room)).map_err(at)?;
                let in_hand = read.block.is_some();
                let list = if is_own { &mut own } else { &mut alike };
                list.push((self.interner.name(name), read));
                forget_constant(&mut mapped.origin);
                let named = self.recipe.output.format.is_references() && mapped.var.bytes() > IN_HAND_BYTES;
                if in_hand && !named {
                    continue;
                }
            }
            for leaf in mapped.sources() {
                if let (Some(source), Storage::Chunks { .. }) = (leaf.source(), &leaf.var.storage)
                    && refs.get(source).is_none()
                {
                    let source = self.interner.name(source);
                    refs.insert(&source, reader.refs(&source).map_err(at)?);
                }
            }
        }
        let mut values = Held::of(self.interner.alike(alike));
        own.into_iter().for_each(|(name, read)| values.insert(name, read));
        Ok((self.interner.view(view), values, refs))
    }
}

/// Lets the value of a schema's variable go, so that the schema can be shared by files whose values differ.
fn forget_constant(origin: &mut Origin) {
    if matches!(origin, Origin::Constant(_)) {
        *origin = Origin::Held;
    }
}

/// Reads what combining asks for after the survey.
pub(crate) fn read_more(surveyed: &Surveyed, mapped: &Mapped, (interner, cache): Kept<'_>) -> Result<Values> {
    let object = &surveyed.object;
    let place = cache.zip(surveyed.place.as_ref());
    let known = place.and_then(|(cache, place)| cache.find(&mut place.clone()));
    let known = known.filter(|facts| facts.validator == *object.validator());
    let reader = Replay::new(object, known)?;
    let refused = || interner.hand.refused().unwrap_or_else(|| Error::new(Code::Bug, "no room for values"));
    let room = if is_kept(mapped) {
        interner.hand.take(&mapped.var, true).ok_or_else(refused)?
    } else {
        Room::default()
    };
    let values = read_values(&reader, mapped, (interner, room))
        .map_err(|e| e.in_variable(&mapped.var.name).at(object.url()))?;
    if let (Some((cache, place)), Some(facts)) = (place, reader.learned(None)) {
        cache.keep(place, facts);
    }
    Ok(values)
}

/// Values that a step needs to know what it does.
fn decisive(reader: &dyn Reader, mapped: &Mapped, hand: &Hand) -> Result<Block> {
    let bytes = mapped.var.bytes();
    hand.check(&mapped.var)?;
    if bytes > DECISIVE_BYTES_MAX {
        let name = &mapped.var.name;
        return Err(Error::new(
            Code::StepInvalid,
            format!("`{name}` has {bytes} bytes, and a step reads at most {DECISIVE_BYTES_MAX} to decide by"),
        )
        .help("select by numbers of items (`start`, `stop`, `items`), or make the time by `set`"));
    }
    let mut read = |leaf: &Mapped, region: &Region| read_leaf(reader, leaf, region);
    evaluate(mapped, &Region::whole(&mapped.var.shape), &mut read)
}

fn read_values(reader: &Replay<'_>, mapped: &Mapped, (interner, room): (&Interner, Room)) -> Result<Values> {
    let mut hash = Xxh3::new();
    let shape: Vec<u8> = mapped.var.shape.iter().flat_map(|n| n.to_le_bytes()).collect();
    hash.update(mapped.var.dtype.name().as_bytes());
    hash.update(&shape);
    let shared = |digest, block| {
        let (block, is_new) = interner.block(digest, block);
        interner.hand.settle(room, is_new.then_some(&*block), &mapped.var.name);
        Ok(Values { digest: Some(digest), block: Some(block) })
    };
    if let Origin::Constant(block) = &mapped.origin {
        add(&mut hash, block);
        return Ok(Values { digest: Some(hash.digest128()), block: Some(Arc::clone(block)) });
    }
    let mut read = |leaf: &Mapped, region: &Region| read_leaf(reader, leaf, region);
    if let Some(block) = in_hand(reader, mapped) {
        let digest = interner.digest(block, || {
            add(&mut hash, block);
            hash.digest128()
        });
        return shared(digest, Arc::clone(block));
    }
    if is_kept(mapped) {
        let whole = Region::whole(&mapped.var.shape);
        let block = match &mapped.origin {
            Origin::Source { name, axes: None } => reader.array(name, &whole)?,
            _ => Arc::new(evaluate(mapped, &whole, &mut read)?),
        };
        add(&mut hash, &block);
        return shared(hash.digest128(), block);
    }
    // large values are only compared: their digest is over rows
    let digest = reader.digest(xxh3_128(format!("{mapped:?}").as_bytes()), || {
        let rows = mapped.var.shape.first().copied().unwrap_or(1).max(1);
        let step = (interner.hand.part(PART_BYTES) * rows / mapped.var.bytes().max(1)).max(1);
        let (mut start, reader) = (0, reader.unkept());
        let mut read = |leaf: &Mapped, region: &Region| read_leaf(&reader, leaf, region);
        while start < rows {
            let mut region = Region::whole(&mapped.var.shape);
            if let Some(first) = region.0.first_mut() {
                *first = start..(start + step).min(rows);
            }
            add(&mut hash, &evaluate(mapped, &region, &mut read)?);
            start += step;
        }
        Ok(hash.digest128())
    })?;
    Ok(Values { digest: Some(digest), block: None })
}

/// The values of a variable that is an array of the file as it is, where they are known.
fn in_hand<'a>(reader: &'a Replay<'_>, mapped: &Mapped) -> Option<&'a Arc<Block>> {
    match &mapped.origin {
        Origin::Source { name, axes: None } => reader.values(name, &Region::whole(&mapped.var.shape)),
        _ => None,
    }
}

/// A box of a plain variable, in its own dimensions.
pub(crate) fn read_leaf(reader: &dyn Reader, leaf: &Mapped, region: &Region) -> Result<Block> {
    let name =
        leaf.source().ok_or_else(|| Error::new(Code::Bug, "a variable that is no array of its file"))?;
    let axes = leaf.axes();
    let shape = reader.schema().variable(name).map(|v| v.shape.clone()).unwrap_or_default();
    let mut ranges = vec![0..1; shape.len()];
    for (axis, range) in axes.iter().zip(&region.0) {
        if let Some(slot) = axis.and_then(|a| ranges.get_mut(a)) {
            *slot = range.clone();
        }
    }
    Ok(permute(reader.read(name, &Region(ranges))?, &axes))
}

fn add(hash: &mut Xxh3, block: &Block) {
    match &block.data {
        BlockData::Bytes(bytes) => hash.update(bytes),
        BlockData::Text(texts) => {
            for text in texts {
                hash.update(&(text.len() as u64).to_le_bytes());
                hash.update(text.as_bytes());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_takes_few_bytes() {
        // there may be millions: what is added here is added to the memory of every archive, and to `Budget::FILE_BYTES`
        let rows = [("file", size_of::<File>(), 72), ("surveyed", size_of::<Surveyed>(), 64)];
        for (what, found, most) in rows {
            assert!(found <= most, "{what}: {found} bytes");
        }
    }

    #[test]
    fn names_of_an_input_are_one_text() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("a.nc").display().to_string();
        std::fs::write(&path, "data").expect("written");
        let sources =
            std::sync::Arc::new(arcoforge_store::Sources::new(arcoforge_store::SourceOptions::default()));
        let opened = sources.open(&path).expect("opened");
        let deferred = sources.deferred(&path, &opened.name(), opened.validator().clone());
        assert!(Arc::ptr_eq(&opened.name(), &opened.name()));
        assert!(Arc::ptr_eq(&opened.name(), &deferred.name()));
    }
}
