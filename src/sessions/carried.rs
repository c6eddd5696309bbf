//! Sessions that their cookie carries whole, sealed.

use super::{
    carrier::Brought,
    commit::{Changes, CommitOutcome},
    definition::Definition,
    flash::Content,
    lifetime::{expiry, is_touch_due},
    options::SessionEvent,
    request_session::{Notices, RequestSession, Sends},
    stored::{Found, Kept, LookedUp, damaged},
};
use crate::{
    clock::Timestamp,
    error::{Error, ErrorKind},
    expiry::Millis,
    id::SessionId,
    session::{Revision, SessionInfo},
    ticket::{Opened, Sealer},
};

/// RFC 6265bis, 5.6: browsers drop a cookie whose name and value are longer.
const LONGEST_COOKIE: usize = 4_096;
/// Of what the cookie carries; another one is not read.
const VERSION: u64 = 1;

/// What was sealed.
struct Parcel {
    id: SessionId,
    created_at: Timestamp,
    /// The last activity that was noted.
    active_at: Timestamp,
    stored: String,
}

impl Definition {
    /// The session in the first cookie that opens: one of the same name that somebody else has set does not hide ours.
    pub(super) fn open_carried(&self, sealer: &Sealer, brought: &Brought) -> Result<LookedUp, Error> {
        let opened = brought.tickets.iter().find_map(|ticket| sealer.open(self.carrier.name(), ticket));
        let Some((parcel, by_newest)) = opened.as_ref().and_then(unpack) else {
            let lost = Some(SessionEvent::Unknown);
            return Ok(LookedUp { found: Found::Nothing, by_newest: true, lost });
        };
        let info = self.info(parcel.created_at, parcel.active_at)?;
        let now = self.now()?;
        if info.expires_at.is_some_and(|end| end <= now) {
            return Ok(LookedUp { found: Found::Nothing, by_newest, lost: Some(SessionEvent::Expired) });
        }
        let found = match Content::split(&parcel.stored.into()) {
            Ok(content) => self.unfit(&content).unwrap_or(Found::Session(Kept {
                id: parcel.id,
                content,
                info,
                is_own: false,
                sealed: None,
            })),
            Err(error) => damaged(error),
        };
        Ok(LookedUp { found, by_newest, lost: None })
    }

    fn pack(&self, sealer: &Sealer, kept: &Kept, now: Timestamp) -> Result<String, Error> {
        let stored = kept.content.join()?;
        let parts = (
            VERSION,
            kept.id.as_str(),
            kept.info.created_at.as_millis(),
            now.as_millis(),
            String::from_utf8_lossy(&stored),
        );
        let parcel = serde_json::to_vec(&parts)
            .map_err(|_| Error::new(ErrorKind::InvalidOption, "the session's value has no JSON"))?;
        let name = self.carrier.name();
        let ticket = sealer.seal(name, &parcel)?;
        if name.len() + ticket.len() > LONGEST_COOKIE {
            let what = format!(
                "sealed, the session has {} bytes; browsers drop a cookie of more than {LONGEST_COOKIE} with its name: keep it \
                 in a storage",
                ticket.len()
            );
            return Err(Error::new(ErrorKind::TooLarge, what));
        }
        Ok(ticket)
    }

    /// The timeouts are those of today, whatever they were when the cookie was made.
    fn info(&self, created_at: Timestamp, active_at: Timestamp) -> Result<SessionInfo, Error> {
        let mut info = SessionInfo::new(Revision::new(""), created_at);
        info.idle_timeout = self.options.idle.resolve(Millis::NEVER)?.duration();
        info.absolute_timeout = self.options.absolute.resolve(Millis::NEVER)?.duration();
        info.expires_at = expiry(&info, active_at);
        Ok(info)
    }
}

impl RequestSession {
    /// Makes the cookie that the response is to set. There is nothing else to write to, and nobody else to meet.
    pub(super) fn commit_carried(
        &self,
        sealer: &Sealer,
        kept: Option<Kept>,
        changes: &Changes,
        notices: &mut Notices,
    ) -> Result<CommitOutcome, Error> {
        let definition = &self.definition;
        let now = definition.now()?;
        let (moves, touches, renews, is_late) = {
            let state = self.lock();
            (state.moves, state.touches, state.sends == Some(Sends::Anew), state.sealed)
        };
        let before = kept.as_ref().map(|kept| kept.content.clone()).unwrap_or_default();
        let is_written = moves || kept.is_none() || changes.alter(&before)?;
        if !is_written && !touches {
            let touch_after = definition.options.touch_after;
            let is_due = kept.as_ref().is_some_and(|kept| is_touch_due(&kept.info, touch_after, now));
            // Who only reads is not told that it was too late to note it.
            if is_late || !(renews || is_due) {
                return Ok(CommitOutcome::Unchanged);
            }
        }
        self.lock().check_not_sealed()?;
        let event = match &kept {
            None => Some(SessionEvent::Created),
            Some(_) if moves => Some(SessionEvent::Regenerated),
            Some(_) => renews.then_some(SessionEvent::Renewed),
        };
        let created_at = kept.as_ref().map_or(now, |kept| kept.info.created_at);
        let id = match kept {
            Some(kept) if !moves => kept.id,
            _ => (definition.options.generate_id)()?,
        };
        let mut next = Kept {
            id,
            content: self.content(changes, &before)?,
            info: definition.info(created_at, now)?,
            is_own: false,
            sealed: None,
        };
        next.sealed = Some(definition.pack(sealer, &next, now)?.into());
        self.settle(changes, next);
        let mut state = self.lock();
        state.sends = Some(Sends::Ticket);
        // What was asked for since then is asked for still.
        state.moves &= !moves;
        state.touches &= !touches;
        drop(state);
        if let Some(event) = event {
            notices.event(event);
        }
        Ok(if is_written { CommitOutcome::Written } else { CommitOutcome::Touched })
    }

    /// Whether there is a session that the response can take away.
    pub(super) fn end_carried(&self, sealer: &Sealer) -> Result<bool, Error> {
        let (is_loaded, is_kept) = {
            let state = self.lock();
            if self.brought.has_ticket() || state.kept.is_some() {
                // Nobody must think that it has ended.
                state.check_not_sealed()?;
            }
            (state.is_loaded(), state.kept.is_some())
        };
        // What cannot be read is taken away nonetheless.
        let is_brought = || {
            let opened = self.definition.open_carried(sealer, &self.brought);
            opened.is_ok_and(|opened| matches!(opened.found, Found::Session(_)))
        };
        Ok(is_kept || (!is_loaded && is_brought()))
    }
}

/// `None` for what the same secrets have sealed for another purpose.
fn unpack(opened: &Opened) -> Option<(Parcel, bool)> {
    let (version, id, created, active, stored): (u64, String, f64, f64, String) =
        serde_json::from_slice(&opened.content).ok()?;
    if version != VERSION {
        return None;
    }
    let parcel = Parcel {
        id: SessionId::new(id).ok()?,
        created_at: moment(created),
        active_at: moment(active),
        stored,
    };
    Some((parcel, opened.by_newest))
}

/// A clock in JavaScript may tell fractions, or times before the epoch.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // it saturates
fn moment(millis: f64) -> Timestamp {
    Timestamp::from_millis(millis as u64)
}
