//! What can go wrong while a file's structures are parsed, until it is known where.

use arcoforge_core::error::{Code, Error};

/// The result of parsing a structure of the file.
pub(super) type Parsed<T> = Result<T, Fault>;

/// A failure before its place is known.
#[derive(Debug)]
pub(super) enum Fault {
    /// With a code already (from the store).
    Error(Error),
    /// Of the HDF5 library.
    Library(hdf5_reader::error::Error),
    /// The bytes contradict the format or each other.
    Corrupt(String),
    /// Well-formed, but nothing that can be read here; a lower-case phrase.
    Unsupported(String),
}

impl Fault {
    /// The reason, where the fault is a feature that can't be read and not a damage.
    pub(super) fn unsupported(self) -> Result<String, Error> {
        use hdf5_reader::error::Error as Library;
        match self {
            Self::Unsupported(reason) => Ok(reason),
            Self::Library(Library::UnsupportedLayoutClass(3)) => {
                Ok("is a virtual dataset, its values lie in other files".to_owned())
            }
            Self::Library(
                error @ (Library::UnsupportedLayoutClass(_)
                | Library::UnsupportedLayoutVersion(_)
                | Library::UnsupportedChunkIndexType(_)
                | Library::UnsupportedDatatypeClass(_)
                | Library::UnsupportedFilterPipelineVersion(_)
                | Library::UnsupportedFillValueVersion(_)
                | Library::UnsupportedDataspaceVersion(_)
                | Library::UnsupportedEncoding(_)),
            ) => Ok(error.to_string()),
            other => Err(other.into()),
        }
    }
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        Self::Error(error)
    }
}

impl From<hdf5_reader::error::Error> for Fault {
    fn from(error: hdf5_reader::error::Error) -> Self {
        Self::Library(error)
    }
}

impl From<Fault> for Error {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Error(error) => error,
            Fault::Corrupt(message) => damaged(message),
            Fault::Unsupported(message) => Self::new(Code::SourceUnsupported, message),
            Fault::Library(hdf5_reader::error::Error::Io(io)) => match io.downcast::<Self>() {
                Ok(error) => error,
                Err(io) => damaged("HDF5 structures can't be read".to_owned()).caused_by(io),
            },
            Fault::Library(error) => damaged("HDF5 structures can't be read".to_owned()).caused_by(error),
        }
    }
}

fn damaged(message: String) -> Error {
    Error::new(Code::SourceCorrupt, message).help("the file is truncated or damaged: fetch it again")
}

/// Short for `Err(Fault::Corrupt(…))`.
pub(super) fn corrupt<T>(message: impl Into<String>) -> Parsed<T> {
    Err(Fault::Corrupt(message.into()))
}

/// Short for `Err(Fault::Unsupported(…))`.
pub(super) fn unsupported<T>(message: impl Into<String>) -> Parsed<T> {
    Err(Fault::Unsupported(message.into()))
}
