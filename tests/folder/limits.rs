//! What the process may not do: files that are not its own, and a disk that is full.
//!
//! Both need a process of their own: this very program, started again for one of the tests below.

use std::{
    env, fs, io,
    os::unix::{
        fs::{PermissionsExt, chown},
        process::CommandExt,
    },
    path::Path,
    process::Command,
};

use futures::executor::block_on;
use sessile::{
    DirectoryOptions, DirectoryStorage, Durability, ErrorKind, SessionStorage, Tags, WriteOptions,
};

use super::{CONTENT, get, id, large, leftovers, other, refused, set, storage, subjects::key_of, tree};
use crate::subjects::folders::TempFolder;

/// Names the folder of a test that runs in a process of its own.
const FOLDER: &str = "SESSILE_FOLDER";
const NOBODY: u32 = 65_534;

/// Runs a test of this program in another process, there a child; copied, so that whoever runs it may read it.
fn again(test: &str, folder: &Path, start: impl FnOnce(&Path) -> Command) {
    let program = folder.join("program");
    fs::copy(env::current_exe().unwrap(), &program).unwrap();
    let mut command = start(&program);
    command.args(["--exact", test, "--nocapture"]).env(FOLDER, folder.join("own"));
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && said.contains("1 passed"),
        "{said}{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

/// Where the test is to run, if it is one that runs in a process of its own.
fn here() -> Option<std::path::PathBuf> {
    env::var_os(FOLDER).map(Into::into)
}

fn is_root() -> bool {
    fs::metadata("/proc/self").is_ok_and(|own| std::os::unix::fs::MetadataExt::uid(&own) == 0)
}

#[test]
fn permission_denied() {
    let Some(own) = here() else {
        let folder = TempFolder::new();
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o711)).unwrap();
        let own = folder.path().join("own");
        fs::create_dir(&own).unwrap();
        if is_root() {
            chown(&own, Some(NOBODY), Some(NOBODY)).unwrap();
        }
        return again("limits::permission_denied", folder.path(), |program| {
            let mut command = Command::new(program);
            if is_root() {
                command.uid(NOBODY).gid(NOBODY);
            }
            command
        });
    };
    let root = own.join("sessions");
    let own = storage(&root);
    set(&own, &id(), CONTENT).unwrap();
    set(&own, &other(), "other").unwrap();
    let key = key_of(&id());
    let part = root.join(&key[..2]);
    for path in [part.join(&key[2..]), part.clone(), root.join("turns").join(&key[..2]), root.clone()] {
        let is_turn = path.starts_with(root.join("turns"));
        let mode = fs::metadata(&path).unwrap().permissions();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o0)).unwrap();
        if is_turn {
            assert_eq!(get(&own, &id()).unwrap().unwrap(), CONTENT);
        } else {
            refused(get(&own, &id()), ErrorKind::Storage);
            refused(block_on(own.info(&id())), ErrorKind::Storage);
        }
        // Within the same millisecond a touch has nothing to write.
        std::thread::sleep(std::time::Duration::from_millis(2));
        refused(block_on(own.touch(&id())), ErrorKind::Storage);
        refused(set(&own, &id(), CONTENT), ErrorKind::Storage);
        refused(set(&own, &id(), large()), ErrorKind::Storage);
        refused(block_on(own.invalidate(&id())), ErrorKind::Storage);
        assert_eq!(set(&own, &other(), "other").is_ok(), path != root);
        fs::set_permissions(&path, mode).unwrap();
        assert_eq!(get(&own, &id()).unwrap().unwrap(), CONTENT);
        set(&own, &id(), CONTENT).unwrap();
        assert_eq!(leftovers(&root), [""; 0]);
    }
    // The folder that it lies in is another's.
    let above = root.parent().and_then(Path::parent).unwrap().join("not-ours");
    refused(set(&storage(&above), &id(), CONTENT), ErrorKind::Storage);
    assert_eq!(get(&storage(&above), &id()).unwrap(), None);
}

/// Starts the program with a small file system of its own where the folder is.
fn on_small_disk(folder: &Path, options: &str) -> impl FnOnce(&Path) -> Command {
    fs::create_dir(folder.join("own")).unwrap();
    let script = format!("mount -t tmpfs -o {options} tmpfs \"$SESSILE_FOLDER\" && exec \"$@\"");
    move |program| {
        let mut command = Command::new("unshare");
        command.args([if is_root() { "-m" } else { "-rm" }, "sh", "-c", &script, "sh"]).arg(program);
        command
    }
}

#[test]
fn c10_a_full_disk() {
    let Some(own) = here() else {
        let folder = TempFolder::new();
        let start = on_small_disk(folder.path(), "size=256k,mode=700");
        return again("limits::c10_a_full_disk", folder.path(), start);
    };
    for durability in [Durability::Relaxed, Durability::Strict] {
        let root = own.join(format!("{durability:?}"));
        let storage = DirectoryStorage::new(&root, DirectoryOptions::new().durability(durability)).unwrap();
        set(&storage, &id(), "old ".repeat(3_000)).unwrap();
        let revision = block_on(storage.info(&id())).unwrap().unwrap().revision;
        let filler = own.join("filler");
        fs::write(&filler, vec![0; 10_000_000]).unwrap_err();
        let length = fs::metadata(&filler).unwrap().len();
        fs::File::options().write(true).open(&filler).unwrap().set_len(length - 8_192).unwrap();
        let tagged = || WriteOptions::new().tags(Tags::new(["tag"]).unwrap());
        refused(set(&storage, &id(), CONTENT.repeat(2_000)), ErrorKind::Quota);
        refused(set(&storage, &id(), large()), ErrorKind::Quota);
        refused(block_on(storage.set(&other(), CONTENT.repeat(2_000).into(), tagged())), ErrorKind::Quota);
        assert_eq!(get(&storage, &id()).unwrap().unwrap(), "old ".repeat(3_000));
        assert_eq!(block_on(storage.info(&id())).unwrap().unwrap().revision, revision);
        assert_eq!(get(&storage, &other()).unwrap(), None);
        assert!(block_on(storage.list_tagged("tag")).unwrap().is_empty());
        assert_eq!(leftovers(&root), [""; 0]);
        assert!(tree(&root).iter().all(|path| !(path.starts_with("tags/") && path.len() > 10)));
        fs::remove_file(filler).unwrap();
        set(&storage, &id(), CONTENT.repeat(2_000)).unwrap();
        block_on(storage.set(&other(), CONTENT.repeat(3_000).into(), tagged())).unwrap();
        assert_eq!(get(&storage, &other()).unwrap().unwrap(), CONTENT.repeat(3_000));
        assert_eq!(leftovers(&root), [""; 0]);
        fs::remove_dir_all(root).unwrap();
    }
}

/// Makes files until there is room for no more.
fn fill_with_files(folder: &Path) -> Vec<std::path::PathBuf> {
    let mut made = Vec::new();
    loop {
        let path = folder.join(format!("filler-{}", made.len()));
        match fs::File::create(&path) {
            Ok(_) => made.push(path),
            Err(error) if error.kind() == io::ErrorKind::StorageFull => return made,
            Err(error) => panic!("{error}"),
        }
    }
}

#[test]
fn c10_no_room_for_more_files_wherever_that_is_met() {
    let Some(own) = here() else {
        let folder = TempFolder::new();
        let start = on_small_disk(folder.path(), "size=2m,nr_inodes=80,mode=700");
        return again("limits::c10_no_room_for_more_files_wherever_that_is_met", folder.path(), start);
    };
    let mut failed = 0;
    for content in [CONTENT.into(), large()] {
        for room in 0..12 {
            let root = own.join("sessions");
            let mut fillers = fill_with_files(&own);
            for filler in fillers.drain(..room) {
                fs::remove_file(filler).unwrap();
            }
            let storage = storage(&root);
            let options = || WriteOptions::new().tags(Tags::new(["tag"]).unwrap());
            let written = block_on(storage.set(&id(), content.clone(), options()));
            failed += u32::from(written.is_err());
            if written.is_err() {
                refused(written, ErrorKind::Quota);
            }
            for filler in fillers {
                fs::remove_file(filler).unwrap();
            }
            assert_eq!(leftovers(&root), [""; 0], "with room for {room} files");
            block_on(storage.set(&id(), content.clone(), options())).unwrap();
            assert_eq!(get(&storage, &id()).unwrap().unwrap(), content);
            fs::remove_dir_all(root).unwrap();
        }
    }
    assert!((3..24).contains(&failed), "{failed} writes failed");
}
