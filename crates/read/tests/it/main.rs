//! Reading through the public interface.
