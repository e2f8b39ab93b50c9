//! The judge, snapshot by snapshot.
