//! What the server, or the way to it, says, in the crate's words.

use redis::{ErrorKind as RedisErrorKind, RedisError, RetryMethod, ServerErrorKind};

use crate::error::{Error, ErrorKind};

/// The most that is kept of what a server says.
const TOLD: usize = 200;

/// Whether a command that failed so may be done if it is sent again: the way to the server broke, or it is not ready yet.
pub(super) fn may_pass(error: &RedisError) -> bool {
    error.kind() != RedisErrorKind::AuthenticationFailed
        && matches!(
            error.retry_method(),
            RetryMethod::Reconnect
                | RetryMethod::ReconnectFromInitialConnections
                | RetryMethod::RetryImmediately
                | RetryMethod::WaitAndRetry
        )
}

pub(super) fn is_unknown_script(error: &RedisError) -> bool {
    error.kind() == RedisErrorKind::Server(ServerErrorKind::NoScript)
}

/// A connection's error, for the caller. Nothing of the command stays in it: that has the session's content.
pub(super) fn failure(error: &RedisError) -> Error {
    match error.kind() {
        RedisErrorKind::Server(ServerErrorKind::CrossSlot) => Error::new(
            ErrorKind::InvalidOption,
            "the server is one of a cluster: make the storage by RedisStorage::in_cluster",
        ),
        RedisErrorKind::Server(ServerErrorKind::Moved | ServerErrorKind::Ask) => {
            storage("the server is one of a cluster: give the storage a connection of the whole cluster")
        }
        RedisErrorKind::Server(_) | RedisErrorKind::Extension => {
            refused(&format!("{} {}", error.code().unwrap_or("ERR"), error.detail().unwrap_or_default()))
        }
        RedisErrorKind::Io => {
            storage("the connection to the server broke; whether it has done what was asked is not known")
                .with_source(cut(&error.to_string()))
        }
        // What else a connection says may quote what it read.
        _ => storage("the connection cannot be used; the source says why").with_source(error.category()),
    }
}

/// What a server has answered in place of doing it.
pub(super) fn refused(told: &str) -> Error {
    let (kind, message) = if told.contains("WRONGTYPE") {
        let message =
            "another program's value lies under a session's key; give the storage a prefix of its own";
        (ErrorKind::Corrupt, message)
    } else if told.contains("OOM ") {
        (ErrorKind::Quota, "the server's memory is full (maxmemory)")
    } else if told.contains("SESSILE_LATER") {
        return later();
    } else if told.contains("READONLY") {
        (ErrorKind::Storage, "the server is a replica, which takes no writes; connect to the master")
    } else {
        (ErrorKind::Storage, "the server refused a command; the source says why")
    };
    Error::new(kind, message).with_source(cut(told))
}

pub(super) fn later() -> Error {
    Error::unsupported("a stored session was written by a later release: use that, or remove the record")
}

pub(super) fn no_answer() -> Error {
    storage("the server did not answer in time; whether it has done what was asked is not known")
}

pub(super) fn unexpected() -> Error {
    storage("the server's answer is none that its commands have; is it a Redis or a Valkey?")
}

/// Why something was not done.
pub(super) fn not_committed(why: &[u8]) -> Error {
    match why {
        b"conflict" => {
            Error::new(ErrorKind::Conflict, "the session has moved on to another revision; read it again")
        }
        b"fenced" => crate::fence::fenced(),
        b"late" => storage(
            "what was asked came to the server too late and was not done, unless an earlier answer of the server was lost",
        ),
        b"slow" => slow(),
        _ => storage("pieces of the write were lost on the server; try again"),
    }
}

pub(super) fn slow() -> Error {
    storage("a write in pieces may take an hour; this one took longer")
}

fn storage(message: &'static str) -> Error {
    Error::new(ErrorKind::Storage, message)
}

/// Without the arguments that a server quotes of a command that it does not know.
fn cut(told: &str) -> String {
    let told = told.split(", with args beginning with").next().unwrap_or_default();
    told.chars().take(TOLD).collect()
}

#[cfg(test)]
mod tests {
    use std::error::Error as _;

    use super::*;

    #[test]
    fn c8_no_argument_of_a_command_stays_in_an_error() {
        let told = "ERR unknown command 'EVALSHA', with args beginning with: '1' 'sessile:{key}' 'content'";
        let error = refused(told);
        assert_eq!(error.kind(), ErrorKind::Storage);
        let source = error.source().map(ToString::to_string).unwrap_or_default();
        assert_eq!(source, "ERR unknown command 'EVALSHA'");
        let long = refused(&"é".repeat(1_000)).source().map(ToString::to_string).unwrap_or_default();
        assert_eq!(long.chars().count(), TOLD);
        let parsed = RedisError::from((RedisErrorKind::Parse, "bad", "content".to_owned()));
        assert!(!format!("{:?}", failure(&parsed)).contains("content"));
    }

    #[test]
    fn a_refusal_is_told_from_a_way_that_broke() {
        let broken = RedisError::from(std::io::Error::from(std::io::ErrorKind::BrokenPipe));
        assert!(may_pass(&broken));
        for (code, passes) in [
            (ServerErrorKind::BusyLoading, true),
            (ServerErrorKind::ClusterDown, true),
            (ServerErrorKind::TryAgain, true),
            (ServerErrorKind::ReadOnly, false),
            (ServerErrorKind::NoPerm, false),
            (ServerErrorKind::ResponseError, false),
        ] {
            let error = RedisError::from((RedisErrorKind::Server(code), "told"));
            assert_eq!(may_pass(&error), passes, "{code:?}");
        }
        assert!(!may_pass(&RedisError::from((RedisErrorKind::AuthenticationFailed, "told"))));
    }

    #[test]
    fn a_servers_words_have_their_kinds() {
        let server = |code: &str, told: &str| {
            failure(&redis::make_extension_error(code.to_owned(), Some(told.to_owned()))).kind()
        };
        assert_eq!(server("OOM", "command not allowed when used memory > 'maxmemory'."), ErrorKind::Quota);
        assert_eq!(server("WRONGTYPE", "Operation against a key holding"), ErrorKind::Corrupt);
        assert_eq!(server("ERR", "user_script:21: SESSILE_LATER script: abc"), ErrorKind::Unsupported);
        assert_eq!(refused("ERR Error running script: WRONGTYPE Operation").kind(), ErrorKind::Corrupt);
        let crossed = RedisError::from((RedisErrorKind::Server(ServerErrorKind::CrossSlot), "told"));
        assert_eq!(failure(&crossed).kind(), ErrorKind::InvalidOption);
    }
}
