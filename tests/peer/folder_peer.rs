//! The crate's side of the tests in which it and the npm package share a folder.
//!
//! `folder_peer TASK ROOT ID [ARGUMENT]` prints one line about what it found or did.

mod tasks;

use std::env;

use futures::executor::block_on;
use sessile::{DirectoryOptions, DirectoryStorage, Error, ErrorKind};

fn main() -> Result<(), Error> {
    let words: Vec<String> = env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let (task, root, id, argument) = match words[..] {
        [task, root, id] => (task, root, id, ""),
        [task, root, id, argument] => (task, root, id, argument),
        _ => return Err(Error::new(ErrorKind::InvalidOption, "give TASK ROOT ID [ARGUMENT]")),
    };
    let storage = DirectoryStorage::new(root, DirectoryOptions::new())?;
    block_on(tasks::perform(&storage, task, id, argument))
}
