//! A server of axum that shares its sessions with one of Node (`server.mjs`): one folder, one secret, one cookie. Who logs in at
//! one is known to the other, both count in one session, and a logout at one is one at both. A second cookie carries its session
//! whole, and needs no folder.
//!
//! `SESSIONS=folder SECRET=text-of-32-bytes-or-more PORT=8001 cargo run --package sessile-example-axum`

use std::{env, error::Error as StdError};

use axum::{
    Json, Router,
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::{get, post},
};
use serde::{Deserialize, Serialize};
use sessile::{
    DirectoryOptions, DirectoryStorage, Error, Secrets, Session, SessionCookie, SessionLayer, Sessions,
    SessionsOptions,
};
use tokio::net::TcpListener;

/// What a session holds, here and in Node.
#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
struct User {
    name: String,
    clicks: u32,
}

/// What another cookie carries whole, here and in Node.
#[derive(Serialize, Deserialize)]
struct Settings {
    language: String,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn StdError>> {
    let storage = DirectoryStorage::new(env::var("SESSIONS")?, DirectoryOptions::new())?;
    let secrets = Secrets::new([env::var("SECRET")?])?;
    let options = SessionsOptions::new().secrets(&secrets)?;
    // Plain HTTP on one machine; a server with https takes a name that begins with `__Host-`.
    let users = Sessions::<User>::cookie(SessionCookie::new("user"), storage, options)?;
    let settings = Sessions::<Settings>::sealed("settings", &secrets, SessionsOptions::new())?;

    let app = Router::new()
        .route("/", get(show))
        .route("/login", post(log_in))
        .route("/click", post(click))
        .route("/logout", post(log_out))
        .route("/settings", get(show_settings).post(choose).delete(forget))
        .layer(SessionLayer::new(users).on_error(log))
        .layer(SessionLayer::new(settings).on_error(log));

    let port = env::var("PORT").ok().and_then(|port| port.parse().ok()).unwrap_or(0);
    let listener = TcpListener::bind(("127.0.0.1", port)).await?;
    println!("http://{}", listener.local_addr()?);
    axum::serve(listener, app).await?;
    Ok(())
}

async fn show(session: Session<User>) -> Result<Json<Option<User>>, Failure> {
    Ok(Json(session.get().await?))
}

async fn log_in(session: Session<User>, name: String) -> Result<StatusCode, Failure> {
    // Whoever knew the id from before does not get in with it.
    session.regenerate().await?;
    session.set(User { name, clicks: 0 }).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn click(session: Session<User>) -> Result<Json<User>, Failure> {
    if session.get().await?.is_none() {
        return Err(Failure::NotLoggedIn);
    }
    // Runs again where another request, here or in Node, was faster.
    let clicked = session.update(|user| {
        let user = user.unwrap_or_default();
        User { clicks: user.clicks + 1, ..user }
    });
    Ok(Json(clicked.await?))
}

async fn log_out(session: Session<User>) -> Result<StatusCode, Failure> {
    session.clear().await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn show_settings(session: Session<Settings>) -> Result<Json<(Option<Settings>, Vec<String>)>, Failure> {
    Ok(Json((session.get().await?, session.flashes("info").await?)))
}

async fn choose(session: Session<Settings>, language: String) -> Result<StatusCode, Failure> {
    session.set(Settings { language }).await?;
    session.flash("info", "Saved").await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn forget(session: Session<Settings>) -> Result<StatusCode, Failure> {
    session.clear().await?;
    Ok(StatusCode::NO_CONTENT)
}

fn log(error: &Error) {
    eprintln!("a session could not be stored: {error}");
}

enum Failure {
    NotLoggedIn,
    Session(Error),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Session(error)
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        match self {
            Self::NotLoggedIn => StatusCode::UNAUTHORIZED.into_response(),
            Self::Session(error) => {
                // For the log; the client is told nothing.
                eprintln!("the session failed: {error}");
                StatusCode::INTERNAL_SERVER_ERROR.into_response()
            }
        }
    }
}
