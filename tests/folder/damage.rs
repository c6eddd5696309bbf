//! Records that are not what was written (C12).

use std::{
    fs,
    io::{self, Read, Write},
    os::unix::{fs::symlink, net::UnixListener},
    path::Path,
    process::Command,
};

use bytes::Bytes;
use crc::{CRC_32_ISO_HDLC, Crc};
use futures::{AsyncReadExt, executor::block_on};
use sessile::{Error, ErrorKind, SessionStorage, SessionStorageExt, WriteOptions};

use super::{CONTENT, get, id, large, leftovers, other, put_away, refused, set, storage, subjects::key_of};
use crate::subjects::folders::TempFolder;

type Damage = fn(&Path) -> io::Result<()>;

const HEADER: usize = 92;

fn flip(path: &Path, at: usize) -> io::Result<()> {
    let mut bytes = fs::read(path)?;
    bytes[at] ^= 1;
    fs::write(path, bytes)
}

fn cut(path: &Path, to: u64) -> io::Result<()> {
    fs::File::options().write(true).open(path)?.set_len(to)
}

fn link(path: &Path, target: &Path) -> io::Result<()> {
    fs::remove_file(path)?;
    symlink(target, path)
}

const DAMAGES: [(&str, Damage); 21] = [
    ("emptied", |path| cut(path, 0)),
    ("cut in its header", |path| cut(path, HEADER as u64 - 1)),
    ("cut in its content", |path| cut(path, HEADER as u64 + 5)),
    ("grown", |path| fs::File::options().append(true).open(path)?.write_all(b"x")),
    ("of another format", |path| fs::write(path, "x".repeat(5_000))),
    ("flipped in its first byte", |path| flip(path, 0)),
    ("flipped in its version", |path| flip(path, 4)),
    ("flipped in its length", |path| flip(path, 57)),
    ("flipped in its activity", |path| flip(path, 82)),
    ("flipped in its content", |path| flip(path, HEADER + 3)),
    ("a folder", |path| fs::remove_file(path).and_then(|()| fs::create_dir(path))),
    ("a folder that is not empty", |path| {
        fs::remove_file(path)?;
        fs::create_dir_all(path.join("deep"))?;
        fs::write(path.join("deep/file"), "something")
    }),
    ("a link to another record", |path| {
        let key = key_of(&other());
        let root = path.parent().and_then(Path::parent).unwrap();
        link(path, &root.join(&key[..2]).join(&key[2..]))
    }),
    ("a link to a file of the system", |path| link(path, Path::new("/etc/passwd"))),
    ("a link to nothing", |path| link(path, Path::new("nowhere"))),
    ("a link to a device", |path| link(path, Path::new("/dev/zero"))),
    ("a pipe", |path| {
        fs::remove_file(path)?;
        Command::new("mkfifo").arg(path).status().map(|status| assert!(status.success()))
    }),
    ("a socket", |path| {
        fs::remove_file(path)?;
        let short = path.with_file_name("s");
        drop(UnixListener::bind(&short)?);
        fs::rename(short, path)
    }),
    // Such as only a database of a browser has: found by fuzzing.
    ("whole but for its content, which is kept apart", |path| apart(path, 5)),
    ("whole but for its large content, which is kept apart", |path| apart(path, 100_000)),
    ("whole but for the end of its last tag", |path| {
        let mut record = fs::read(path)?;
        record.truncate(HEADER);
        record[56..64].fill(0);
        record[64..68].copy_from_slice(&CRC.checksum(b"").to_le_bytes());
        record.push(b'x');
        record[68..72].copy_from_slice(&1_u32.to_le_bytes());
        record[72..76].copy_from_slice(&CRC.checksum(b"x").to_le_bytes());
        with_header_sum(path, record)
    }),
];

const CRC: Crc<u32> = Crc::<u32>::new(&CRC_32_ISO_HDLC);

fn apart(path: &Path, length: u64) -> io::Result<()> {
    let mut record = fs::read(path)?;
    record.truncate(HEADER);
    record[5] = 1;
    record[56..64].copy_from_slice(&length.to_le_bytes());
    with_header_sum(path, record)
}

fn with_header_sum(path: &Path, mut record: Vec<u8>) -> io::Result<()> {
    let sum = CRC.checksum(&record[..76]);
    record[76..80].copy_from_slice(&sum.to_le_bytes());
    fs::write(path, record)
}

#[test]
fn c12_what_is_damaged_is_reported_once_and_put_away() {
    for content in [Bytes::from(CONTENT), large()] {
        for (how, damage) in DAMAGES {
            for call in ["get", "read", "info"] {
                // What is known without the content does not tell whether that is whole.
                if call == "info" && how == "flipped in its content" && content.len() > CONTENT.len() {
                    continue;
                }
                meets(&content, how, damage, call);
            }
        }
    }
}

fn meets(content: &Bytes, how: &str, damage: Damage, call: &str) {
    println!("a record of {} bytes that is {how}, met by {call}()", content.len());
    let folder = TempFolder::new();
    let own = storage(folder.path());
    set(&own, &other(), "other").unwrap();
    set(&own, &id(), content.clone()).unwrap();
    damage(&folder.record(&id())).unwrap();
    let met = match call {
        "get" => get(&own, &id()).map(drop),
        "info" => block_on(own.info(&id())).map(drop),
        _ => block_on(own.read(&id(), async |channel| {
            let mut content = Vec::new();
            channel.read_to_end(&mut content).await?;
            Ok::<_, Error>(())
        }))
        .map_err(Error::from),
    };
    refused(met, ErrorKind::Corrupt);
    let names = put_away(folder.path());
    assert_eq!(names.len(), 1, "{names:?}");
    assert!(names[0].starts_with(&key_of(&id())));
    assert_eq!(get(&own, &id()).unwrap(), None);
    assert!(block_on(own.info(&id())).unwrap().is_none());
    set(&own, &id(), content.clone()).unwrap();
    assert_eq!(get(&own, &id()).unwrap().as_ref(), Some(content));
    assert_eq!(get(&own, &other()).unwrap().unwrap(), "other");
    assert_eq!(put_away(folder.path()).len(), 1);
    assert_eq!(leftovers(folder.path()), [""; 0]);
    let mut system = String::new();
    fs::File::open("/etc/passwd").unwrap().read_to_string(&mut system).unwrap();
    assert!(system.contains("root"));
}

#[test]
fn c12_what_is_damaged_is_replaced_and_ended_and_hinders_no_housekeeping() {
    for (how, damage) in DAMAGES {
        println!("{how}");
        let folder = TempFolder::new();
        let own = storage(folder.path());
        set(&own, &other(), "other").unwrap();
        set(&own, &id(), CONTENT).unwrap();
        damage(&folder.record(&id())).unwrap();
        block_on(async {
            own.stats().await.unwrap();
            own.sweep().await.unwrap();
            own.set(&id(), "anew".into(), WriteOptions::new()).await.unwrap();
            assert_eq!(own.get(&id()).await.unwrap().unwrap().0, "anew");
        });
        damage(&folder.record(&id())).unwrap();
        block_on(own.invalidate(&id())).unwrap();
        assert_eq!(get(&own, &id()).unwrap(), None);
        assert_eq!(get(&own, &other()).unwrap().unwrap(), "other");
        assert_eq!(leftovers(folder.path()), [""; 0]);
    }
}

#[test]
fn c12_a_touch_reports_what_it_meets() {
    for (how, damage) in DAMAGES {
        println!("{how}");
        let folder = TempFolder::new();
        let options = sessile::DirectoryOptions::new().idle_timeout(std::time::Duration::from_secs(60));
        let own = sessile::DirectoryStorage::new(folder.path(), options).unwrap();
        set(&own, &id(), CONTENT).unwrap();
        damage(&folder.record(&id())).unwrap();
        refused(block_on(own.touch(&id())), ErrorKind::Corrupt);
        refused(get(&own, &id()), ErrorKind::Corrupt);
        assert_eq!(get(&own, &id()).unwrap(), None);
    }
}
