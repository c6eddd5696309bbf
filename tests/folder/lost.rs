//! A folder deleted underneath, or parts of it; and tokens whose holder has died.

use std::{
    fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use futures::{AsyncReadExt, AsyncWriteExt, executor::block_on};
use sessile::{ErrorKind, SessionStorage, WriteOptions};

use super::{
    CONTENT, LARGE, get, id, large, leftovers, other, prepared, refused, set, storage, subjects::key_of,
    token, tree, turns,
};

fn remove(path: &Path) {
    match fs::symlink_metadata(path) {
        Ok(found) if found.is_dir() => fs::remove_dir_all(path).unwrap(),
        Ok(_) => fs::remove_file(path).unwrap(),
        Err(_) => {}
    }
}

type Place = fn(&Path) -> PathBuf;

/// What is removed, and whether the session is still there without it.
const LOSSES: [(&str, Place, bool); 7] = [
    ("the whole folder", |root| root.to_owned(), false),
    ("the part", |root| root.join(&key_of(&id())[..2]), false),
    ("all tokens", |root| root.join("turns"), true),
    ("the folder of the token", |root| turns(root, &id()), true),
    (
        "the token",
        |root| {
            let turns = turns(root, &id());
            let first = fs::read_dir(&turns).ok().and_then(|mut names| names.next());
            first.map_or_else(|| turns.join("free"), |entry| entry.unwrap().path())
        },
        true,
    ),
    ("what is staged", |root| root.join("staged"), true),
    ("what is made", |root| root.join("made"), true),
];

#[test]
fn c11_what_is_deleted_underneath_is_missing_and_the_next_write_works() {
    for (what, of, stays) in LOSSES {
        println!("{what}");
        let (folder, own) = prepared();
        let root = folder.path();
        let lose = || remove(&of(root));
        lose();
        assert_eq!(get(&own, &id()).unwrap().is_some(), stays);
        assert_eq!(block_on(own.touch(&id())).unwrap(), stays);
        lose();
        block_on(own.sweep()).unwrap();
        block_on(own.stats()).unwrap();
        lose();
        set(&own, &id(), "small again").unwrap();
        assert_eq!(get(&own, &id()).unwrap().unwrap(), "small again");
        lose();
        set(&own, &id(), large()).unwrap();
        assert_eq!(get(&own, &id()).unwrap().unwrap(), large());
        lose();
        assert_eq!(block_on(own.invalidate(&id())).unwrap(), stays);
        assert_eq!(get(&own, &id()).unwrap(), None);
        assert_eq!(leftovers(root), [""; 0]);
    }
}

#[test]
fn c1_a_write_and_a_read_whose_folder_is_deleted_on_their_way() {
    let (folder, own) = prepared();
    set(&own, &other(), large()).unwrap();
    block_on(async {
        let mut reader = own.open(&other()).await.unwrap().unwrap();
        let mut writer = own.begin(&id(), WriteOptions::new()).await.unwrap();
        writer.write_all(&large()).await.unwrap();
        remove(folder.path());
        let mut content = Vec::new();
        reader.read_to_end(&mut content).await.unwrap();
        assert_eq!(content, large());
        match writer.commit().await {
            Ok(_) => assert_eq!(own.get(&id()).await.unwrap().unwrap().0.len(), LARGE),
            Err(error) => {
                refused::<()>(Err(error), ErrorKind::Storage);
                assert!(own.get(&id()).await.unwrap().is_none());
            }
        }
    });
    set(&own, &id(), "again").unwrap();
    assert_eq!(get(&own, &id()).unwrap().unwrap(), "again");
    assert_eq!(leftovers(folder.path()), [""; 0]);
}

/// What a process leaves that dies at its work.
fn leave(token: &Path) {
    fs::write(token.join("00112233445566778899aabbccddeeff"), "half a record").unwrap();
    fs::create_dir_all(token.join("deep/deeper")).unwrap();
    fs::write(token.join("deep/deeper/file"), "junk").unwrap();
    symlink("/etc", token.join("link")).unwrap();
}

#[test]
fn c11_the_token_of_one_who_died_is_taken_over_soon_and_cleared() {
    for name in ["kept-0123456789abcdef01234567-2a", "busy-0123456789abcdef01234567-2a", "anything"] {
        let (folder, _first) = prepared();
        let dead = turns(folder.path(), &id()).join(name);
        fs::rename(token(folder.path(), &id()), &dead).unwrap();
        leave(&dead);
        let own = storage(folder.path());
        assert_eq!(get(&own, &id()).unwrap().unwrap(), CONTENT);
        let began = Instant::now();
        set(&own, &id(), "anew").unwrap();
        assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
        assert_eq!(tree(&token(folder.path(), &id())), [""; 0]);
        assert_eq!(leftovers(folder.path()), [""; 0]);
        assert!(Path::new("/etc/passwd").exists());
    }
}

#[test]
fn c11_what_lies_in_a_free_token_hinders_nobody_and_is_swept() {
    let (folder, first) = prepared();
    block_on(first.close()).unwrap();
    leave(&token(folder.path(), &id()));
    let own = storage(folder.path());
    set(&own, &id(), "anew").unwrap();
    assert_eq!(get(&own, &id()).unwrap().unwrap(), "anew");
    block_on(own.close()).unwrap();
    let next = storage(folder.path());
    for _ in 0..16 {
        block_on(next.sweep()).unwrap();
    }
    assert_eq!(leftovers(folder.path()), [""; 0]);
}

#[test]
fn c5_threads_with_storages_of_their_own_lose_nothing() {
    const THREADS: usize = 4;
    const TIMES: usize = 150;
    let (folder, own) = prepared();
    set(&own, &id(), "0").unwrap();
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                let own = storage(folder.path());
                let mut done = 0;
                while done < TIMES {
                    let (content, info) = block_on(own.get(&id())).unwrap().unwrap();
                    let next = std::str::from_utf8(&content).unwrap().parse::<u64>().unwrap() + 1;
                    let options = WriteOptions::new().if_revision(info.revision);
                    match block_on(own.set(&id(), next.to_string().into(), options)) {
                        Ok(_) => done += 1,
                        Err(error) => assert_eq!(error.kind(), ErrorKind::Conflict),
                    }
                }
            });
        }
    });
    assert_eq!(get(&own, &id()).unwrap().unwrap(), (THREADS * TIMES).to_string());
    assert_eq!(leftovers(folder.path()), [""; 0]);
}
