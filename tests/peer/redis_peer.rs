//! The crate's side of the tests in which it and the npm package share a Redis server.
//!
//! `redis_peer TASK URL ID [ARGUMENT]` prints one line about what it found or did.

mod tasks;

use std::{env, error::Error as StdError};

use sessile::{RedisOptions, RedisStorage};

fn main() -> Result<(), Box<dyn StdError>> {
    let words: Vec<String> = env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let (task, url, id, argument) = match words[..] {
        [task, url, id] => (task, url, id, ""),
        [task, url, id, argument] => (task, url, id, argument),
        _ => return Err("give TASK URL ID [ARGUMENT]".into()),
    };
    tokio::runtime::Runtime::new()?.block_on(async {
        let connection = redis::Client::open(url)?.get_connection_manager().await?;
        let storage = RedisStorage::new(connection, RedisOptions::new())?;
        tasks::perform(&storage, task, id, argument).await?;
        Ok(())
    })
}
