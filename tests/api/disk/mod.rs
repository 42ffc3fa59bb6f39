//! Damaged and special files in the data directory, data of a newer version, and the durability modes. Unreadable files
//! are not overwritten, and unaffected accounts work. `tests/tools/disk` tests full disks and I/O errors.

mod catalogue;
mod corruption;
mod data_dir;
mod durability;
mod image_corruption;
mod newer_version;
mod partial_corruption;
#[cfg(unix)]
mod special_files;
