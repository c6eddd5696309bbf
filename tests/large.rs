//! A session of 256 MiB goes in and out of a folder in little memory. Alone in its process, whose memory is what is measured.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used)]

mod subjects;

use std::fs;

use futures::{AsyncReadExt, AsyncWriteExt, executor::block_on};
use sessile::{DirectoryOptions, DirectoryStorage, SessionId, SessionStorageExt, WriteOptions};

use crate::subjects::folders::TempFolder;

const SIZE: usize = 256 << 20;
const PIECE: usize = 64 << 10;
/// Beside what the process has when it begins.
const MOST: usize = 24 << 20;

/// The most memory that the process has had since [`forget_peak`], in bytes.
fn peak() -> usize {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<usize>().unwrap() << 10
}

/// By the kernel's own switch for it (proc(5), `clear_refs`).
fn forget_peak() {
    fs::write("/proc/self/clear_refs", "5").unwrap();
}

#[test]
fn c10_a_session_of_256_mib_takes_24_mib_beside_the_idle_process() {
    let folder = TempFolder::new();
    let storage = DirectoryStorage::new(folder.path(), DirectoryOptions::new()).unwrap();
    let id = SessionId::new("large").unwrap();
    let mut piece = vec![0_u8; PIECE];
    block_on(async {
        storage
            .write(&id, WriteOptions::new(), async |channel| {
                channel.write_all(b"the first call makes the folder").await
            })
            .await
            .unwrap();

        forget_peak();
        let idle = peak();
        storage
            .write(&id, WriteOptions::new(), async |channel| {
                for number in 0..SIZE / PIECE {
                    piece.fill(u8::try_from(number % 251).unwrap());
                    channel.write_all(&piece).await?;
                }
                Ok::<_, std::io::Error>(())
            })
            .await
            .unwrap();
        let writing = peak() - idle;

        forget_peak();
        let idle = peak();
        storage
            .read(&id, async |channel| {
                for number in 0..SIZE / PIECE {
                    channel.read_exact(&mut piece).await?;
                    assert!(piece.iter().all(|byte| usize::from(*byte) == number % 251), "piece {number}");
                }
                Ok::<_, std::io::Error>(())
            })
            .await
            .unwrap();
        let reading = peak() - idle;

        println!("beside the idle process: {} KiB writing, {} KiB reading", writing >> 10, reading >> 10);
        assert!(writing <= MOST && reading <= MOST, "{writing} bytes writing, {reading} bytes reading");
    });
}
