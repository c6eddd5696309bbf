//! C8: ids.

use std::{collections::HashSet, error::Error as StdError, fmt::Write as _};

use futures::AsyncWriteExt;

use super::{
    broken::{Outcome, check, equal},
    trial::{Trial, absolute, new_id},
};
use crate::{error::Error, id::SessionId, session::WriteOptions, storage::SessionStorage};

/// Ids that one medium or another is likely to take for the same, or for something else than a name.
#[allow(clippy::too_many_lines)] // one id a line
fn look_alikes() -> Vec<String> {
    let mut ids: Vec<String> = [
        "a",
        "A",
        "ａ",
        "а",
        "ª",
        "a ",
        " a",
        "a.",
        "a\0",
        "\0a",
        "\0",
        "a\n",
        "a\r\n",
        "a\t",
        "é",
        "e\u{301}",
        "É",
        "ß",
        "ss",
        "SS",
        "K",
        "\u{212a}",
        "ﬁ",
        "fi",
        "i",
        "İ",
        "ı",
        "\u{200b}a",
        "\u{feff}a",
        "\u{202e}a",
        "\u{fffd}",
        "\u{10ffff}",
        "🦀",
        ".",
        "..",
        "...",
        "../x",
        "..\\x",
        "/",
        "//",
        "/x",
        "x/",
        "x",
        "x/..",
        "./x",
        "\\",
        "C:",
        "C:\\x",
        "~",
        "~/x",
        "con",
        "CON",
        "nul",
        "nul.txt",
        "aux",
        "com1",
        "*",
        "?",
        "|",
        "<",
        ">",
        "\"",
        "'",
        "`",
        "$HOME",
        "${x}",
        "%00",
        "%2e%2e",
        "%2E%2E",
        "%",
        ":",
        ";",
        "&",
        "#",
        "!",
        "=",
        ",",
        "+",
        "-",
        "--",
        "_",
        "__proto__",
        "constructor",
        "toString",
        "hasOwnProperty",
        "null",
        "undefined",
        "true",
        "0",
        "00",
        "0.0",
        "1e1",
        "10",
        "-1",
        "NaN",
        "{}",
        "[]",
        "' OR 1=1 --",
        "KEYS *",
        "\r\nDEL x\r\n",
        " ",
        "\u{a0}",
        "a:b",
        "a/b",
        "a\\b",
        "ab",
        "a.b",
        "id",
        "id1",
        "id1.dat",
        ".tmp",
        "lock",
    ]
    .map(str::to_owned)
    .to_vec();
    // The longest there are, which differ at the last byte only, and the same in letters of several bytes.
    let most = SessionId::MAX_BYTES;
    ids.extend(["b", "c"].map(|last| "a".repeat(most - 1) + last));
    ids.extend([most, most - 1, 256, 255, 128, 64, 43].map(|length| "a".repeat(length)));
    ids.extend(["é", "e"].map(|last| "é".repeat(most / 2 - 1) + last));
    ids.push("🦀".repeat(most / 4));
    ids.push("../".repeat(most / 3));
    ids
}

pub(super) async fn C8_any_id_is_taken_and_none_is_mistaken_for_another(trial: Trial<'_>) -> Outcome {
    let storage = trial.open().await?;
    let names = look_alikes();
    let ids = names.iter().map(|name| SessionId::new(name.as_str())).collect::<Result<Vec<_>, _>>()?;
    equal(ids.iter().collect::<HashSet<_>>().len(), ids.len(), "the number of different ids")?;
    for (name, id) in names.iter().zip(&ids) {
        storage
            .is_gone(id, &format!("before {:?} is written", name.chars().take(20).collect::<String>()))
            .await?;
        storage.put(id, name.as_bytes(), WriteOptions::new()).await?;
    }
    for (name, id) in names.iter().zip(&ids) {
        let which = format!("{:?}", name.chars().take(20).collect::<String>());
        storage.holds(id, name.as_bytes(), &which).await?;
        equal(storage.touch(id).await?, true, &format!("the touch of {which}"))?;
        equal(storage.invalidate(id).await?, true, &format!("the invalidate of {which}"))?;
        storage.is_gone(id, &which).await?;
    }
    Ok(())
}

const SECRET: &str = "seCRet-nAMe-of-a-seSSion";

/// Everything that an error says, with all of its causes.
fn all_of(error: &Error) -> String {
    let mut all = format!("{error} {error:?}");
    let mut cause = error.source();
    while let Some(error) = cause {
        let _ = write!(all, " {error} {error:?}");
        cause = error.source();
    }
    all
}

/// Neither in letters nor as numbers.
#[track_caller]
fn tells_no_id(text: &str, what: &str) -> Outcome {
    let numbers = format!("{:?}", SECRET.as_bytes());
    let digits = SECRET.bytes().fold(String::new(), |digits, byte| format!("{digits}{byte:02x}"));
    // Pretty-printed or not, a list of bytes has its numbers in this order.
    let packed: String = text.chars().filter(|letter| !letter.is_whitespace()).collect();
    let forms = [SECRET.to_owned(), numbers.replace(['[', ']', ' '], ""), digits];
    let shows = forms.iter().any(|form| packed.contains(form.as_str()));
    check(!shows, format!("{what} gives a session id away"))
}

pub(super) async fn C8_ids_show_in_no_debug_or_info(trial: Trial<'_>) -> Outcome {
    let storage = trial.open().await?;
    let id = SessionId::new(SECRET)?;
    let mut writer = storage.begin(&id, absolute(10_000)).await?;
    writer.write_all(b"content").await?;
    tells_no_id(&format!("{writer:?}"), "a writer's Debug")?;
    let in_flight = storage.begin(&id, WriteOptions::new()).await?;
    let revision = writer.commit().await?.revision;
    tells_no_id(&format!("{revision:?} {revision}"), "a revision")?;
    tells_no_id(&format!("{:?}", *storage), "the storage's Debug")?;
    let reader = storage.open(&id).await?;
    tells_no_id(&format!("{reader:?}"), "a reader's Debug")?;
    tells_no_id(&format!("{:?}", storage.info(&id).await?), "the info")?;
    tells_no_id(&format!("{:?}", storage.get(&id).await?), "what get gives")?;
    drop(in_flight);
    Ok(())
}

pub(super) async fn C8_ids_show_in_no_error(trial: Trial<'_>) -> Outcome {
    let bounded = trial.harness.bounds().session;
    let storage = trial.open_with(|setup| setup.max_session_bytes = bounded.then_some(1_000)).await?;
    let id = SessionId::new(SECRET)?;
    let mut errors = Vec::new();
    let zero = WriteOptions::new().idle_timeout(std::time::Duration::ZERO);
    errors.extend(storage.put(&id, b"content", zero).await.err());
    errors.extend(
        storage.put(&id, b"content", WriteOptions::new().if_revision(crate::Revision::new("?"))).await.err(),
    );
    if bounded {
        errors.extend(storage.put(&id, &[0; 1_001], WriteOptions::new()).await.err());
    }
    let early = storage.begun(&id, b"early", WriteOptions::new()).await?;
    storage.invalidate(&id).await?;
    errors.extend(early.commit().await.err());
    storage.clock.break_down(true);
    errors.extend(storage.get(&id).await.err());
    storage.clock.break_down(false);
    storage.close().await?;
    errors.extend(storage.get(&id).await.err());
    errors.extend(storage.begin(&id, WriteOptions::new()).await.err());
    check(errors.len() >= 5, "calls succeeded that must fail")?;
    for error in &errors {
        tells_no_id(&all_of(error), &format!("an error of kind {:?}", error.kind()))?;
    }
    tells_no_id(&format!("{:?}", *storage), "the Debug of a closed storage")
}

pub(super) async fn C8_generated_ids_differ(trial: Trial<'_>) -> Outcome {
    let storage = trial.open().await?;
    let mut seen = HashSet::new();
    for _ in 0..500 {
        let id = new_id()?;
        check(id.as_str().len() >= 43, "a generated id has fewer than 256 bits")?;
        storage.is_gone(&id, "a session that was just named").await?;
        check(seen.insert(id), "an id was generated twice")?;
    }
    Ok(())
}
