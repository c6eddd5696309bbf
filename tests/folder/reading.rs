//! Reading creates nothing, and leaves no file open.

use std::{fs, os::unix::fs::PermissionsExt, path::Path};

use futures::{AsyncReadExt, AsyncWriteExt, executor::block_on};
use sessile::{
    DirectoryOptions, DirectoryStorage, Durability, ErrorKind, SessionStorage, Tags, WriteOptions,
};

use super::{CONTENT, get, id, large, leftovers, prepared, refused, set, storage, tree};
use crate::subjects::folders::TempFolder;

type Call = fn(&DirectoryStorage);

#[test]
fn c12_looking_for_what_is_missing_creates_nothing() {
    let folder = TempFolder::new();
    let root = folder.path().join("sessions");
    let calls: [(&str, Call); 9] = [
        ("get", |own| assert!(get(own, &id()).unwrap().is_none())),
        ("open", |own| assert!(block_on(own.open(&id())).unwrap().is_none())),
        ("info", |own| assert!(block_on(own.info(&id())).unwrap().is_none())),
        ("touch", |own| assert!(!block_on(own.touch(&id())).unwrap())),
        ("list_tagged", |own| assert!(block_on(own.list_tagged("tag")).unwrap().is_empty())),
        ("invalidate_tagged", |own| assert_eq!(block_on(own.invalidate_tagged("tag")).unwrap(), 0)),
        ("sweep", |own| assert_eq!(block_on(own.sweep()).unwrap(), 0)),
        ("stats", |own| assert_eq!(block_on(own.stats()).unwrap().sessions, 0)),
        ("close", |own| block_on(own.close()).unwrap()),
    ];
    for (name, call) in calls {
        call(&storage(&root));
        assert!(!root.exists(), "{name} made the folder");
    }
    fs::create_dir(&root).unwrap();
    for (name, call) in calls {
        call(&storage(&root));
        assert_eq!(tree(&root), [""; 0], "{name} made something in it");
    }
}

#[test]
fn c8_everything_belongs_to_its_owner_alone() {
    let folder = TempFolder::new();
    let root = folder.path().join("sessions");
    let own = DirectoryStorage::new(&root, DirectoryOptions::new().durability(Durability::Strict)).unwrap();
    let tagged = WriteOptions::new().tags(Tags::new(["tag"]).unwrap());
    block_on(async {
        own.set(&id(), CONTENT.into(), tagged).await.unwrap();
        let mut writer = own.begin(&id(), WriteOptions::new()).await.unwrap();
        writer.write_all(&large()).await.unwrap();
        check_modes(folder.path());
        writer.commit().await.unwrap();
        fs::write(root.join("unrelated"), "").unwrap();
        fs::remove_file(root.join("unrelated")).unwrap();
        own.invalidate(&id()).await.unwrap();
    });
    check_modes(folder.path());
}

fn check_modes(folder: &Path) {
    let paths = tree(folder);
    assert!(paths.len() > 5);
    for path in paths {
        let found = fs::symlink_metadata(folder.join(&path)).unwrap();
        let mode = found.permissions().mode() & 0o7777;
        assert_eq!(mode, if found.is_dir() { 0o700 } else { 0o600 }, "{path}");
    }
}

/// The files under a folder that this process has open.
fn open_under(folder: &Path) -> usize {
    let links =
        fs::read_dir("/proc/self/fd").unwrap().filter_map(|entry| fs::read_link(entry.ok()?.path()).ok());
    links.filter(|target| target.starts_with(folder)).count()
}

#[test]
fn c6_no_file_stays_open() {
    let (folder, own) = prepared();
    set(&own, &id(), large()).unwrap();
    block_on(async {
        for round in 0..20 {
            let mut reader = own.open(&id()).await.unwrap().unwrap();
            let mut buffer = vec![0; 70_000 * (round % 3)];
            reader.read_exact(&mut buffer).await.unwrap();
            drop(reader);
            let mut writer = own.begin(&id(), WriteOptions::new()).await.unwrap();
            writer.write_all(&vec![1; 70_000 * (round % 4)]).await.unwrap();
            drop(writer);
            let lost = WriteOptions::new().if_absent();
            refused(own.set(&id(), large(), lost).await, ErrorKind::Conflict);
            own.touch(&id()).await.unwrap();
            own.info(&id()).await.unwrap();
        }
    });
    for _ in 0..200 {
        if open_under(folder.path()) == 0 {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    assert_eq!(open_under(folder.path()), 0);
    assert_eq!(get(&own, &id()).unwrap().unwrap(), large());
    assert_eq!(leftovers(folder.path()), [""; 0]);
}
