//! The session of each request, in its extensions.

use std::{
    fmt,
    future::Future,
    mem,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use http::{
    HeaderName, HeaderValue, Request, Response, StatusCode,
    header::{CACHE_CONTROL, SET_COOKIE},
};
use serde::{Serialize, de::DeserializeOwned};
use tower_layer::Layer;
use tower_service::Service;

use super::super::{carrier::SentHeader, definition::Sessions, session::Session};
use crate::error::{Error, ErrorKind};

/// A cache that many share would give one's session to another.
const PRIVATE: HeaderValue = HeaderValue::from_static("private, no-cache=\"set-cookie\"");
const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");

type OnError = Arc<dyn Fn(&Error) + Send + Sync>;

/// Gives each request its [`Session`], as an extension, and stores what was changed before the response goes out.
///
/// If that fails, the client gets an empty 500, and [`on_error`](Self::on_error) the error. A service that fails itself stores
/// nothing. Sessions of several kinds take a layer each, and a type each.
///
/// ```
/// use std::convert::Infallible;
/// use http::{Request, Response};
/// use sessile::{Error, Session, SessionLayer, SessionStorageMemory, Sessions, SessionsOptions};
/// use tower_layer::Layer;
/// use tower_service::Service;
///
/// /// A service of any kind; in axum a handler, which takes the session as an argument.
/// #[derive(Clone)]
/// struct Counter;
///
/// impl Service<Request<()>> for Counter {
///     type Response = Response<String>;
///     type Error = Infallible;
///     type Future = futures::future::BoxFuture<'static, Result<Response<String>, Infallible>>;
///
///     fn poll_ready(&mut self, _: &mut std::task::Context<'_>) -> std::task::Poll<Result<(), Infallible>> {
///         std::task::Poll::Ready(Ok(()))
///     }
///
///     fn call(&mut self, request: Request<()>) -> Self::Future {
///         let visits: Session<u32> = request.extensions().get().cloned().expect("the layer is there");
///         Box::pin(async move {
///             let visits = visits.update(|visits| visits.unwrap_or(0) + 1).await.unwrap_or_default();
///             Ok(Response::new(format!("visit {visits}")))
///         })
///     }
/// }
///
/// # futures::executor::block_on(async {
/// let visits = Sessions::<u32>::cookie("__Host-visits", SessionStorageMemory::new(), SessionsOptions::new())?;
/// let mut service = SessionLayer::new(visits).on_error(|error| eprintln!("no session: {error}")).layer(Counter);
///
/// let response = service.call(Request::new(())).await.unwrap();
/// assert_eq!(response.body(), "visit 1");
/// assert!(response.headers()["set-cookie"].to_str().unwrap().starts_with("__Host-visits="));
/// # Ok::<(), Error>(())
/// # }).unwrap();
/// ```
pub struct SessionLayer<T> {
    sessions: Sessions<T>,
    on_error: Option<OnError>,
}

impl<T> SessionLayer<T> {
    /// A layer of these sessions.
    pub fn new(sessions: Sessions<T>) -> Self {
        Self { sessions, on_error: None }
    }

    /// Told why a session could not be stored.
    #[must_use]
    pub fn on_error(mut self, tell: impl Fn(&Error) + Send + Sync + 'static) -> Self {
        self.on_error = Some(Arc::new(tell));
        self
    }
}

impl<T> Clone for SessionLayer<T> {
    fn clone(&self) -> Self {
        Self { sessions: self.sessions.clone(), on_error: self.on_error.clone() }
    }
}

impl<T> fmt::Debug for SessionLayer<T> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("SessionLayer").field("sessions", &self.sessions).finish_non_exhaustive()
    }
}

impl<S, T> Layer<S> for SessionLayer<T> {
    type Service = SessionService<S, T>;

    fn layer(&self, inner: S) -> Self::Service {
        SessionService { inner, layer: self.clone() }
    }
}

/// A service that has sessions. Made by [`SessionLayer`].
pub struct SessionService<S, T> {
    inner: S,
    layer: SessionLayer<T>,
}

impl<S: Clone, T> Clone for SessionService<S, T> {
    fn clone(&self) -> Self {
        Self { inner: self.inner.clone(), layer: self.layer.clone() }
    }
}

impl<S: fmt::Debug, T> fmt::Debug for SessionService<S, T> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("SessionService").field("inner", &self.inner).field("layer", &self.layer).finish()
    }
}

impl<S, T, B, R> Service<Request<B>> for SessionService<S, T>
where
    S: Service<Request<B>, Response = Response<R>> + Clone,
    S::Future: Send + 'static,
    S::Error: 'static,
    T: Serialize + DeserializeOwned + 'static,
    R: Default + Send + 'static,
{
    type Response = Response<R>;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Response<R>, S::Error>> + Send>>;

    fn poll_ready(&mut self, task: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(task)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        let session = self.layer.sessions.open(&request);
        request.extensions_mut().insert(session.clone());
        // The one that was asked whether it is ready is the one to call.
        let next = self.inner.clone();
        let answer = mem::replace(&mut self.inner, next).call(request);
        let on_error = self.layer.on_error.clone();
        Box::pin(async move {
            let mut response = answer.await?;
            if let Err(error) = store(&session, &mut response).await {
                if let Some(tell) = on_error {
                    tell(&error);
                }
                response = Response::new(R::default());
                *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
                response.headers_mut().insert(CACHE_CONTROL, NO_STORE);
            }
            Ok(response)
        })
    }
}

async fn store<T, R>(session: &Session<T>, response: &mut Response<R>) -> Result<(), Error>
where
    T: Serialize + DeserializeOwned + 'static,
{
    if !session.is_used() {
        session.seal();
        return Ok(());
    }
    let Some(sent) = session.finish().await? else { return Ok(()) };
    let (name, value) = parse(&sent)?;
    let headers = response.headers_mut();
    if name == SET_COOKIE {
        headers.append(name, value);
    } else {
        headers.insert(name, value);
    }
    headers.entry(CACHE_CONTROL).or_insert(PRIVATE);
    Ok(())
}

fn parse(sent: &SentHeader) -> Result<(HeaderName, HeaderValue), Error> {
    let refused = || Error::new(ErrorKind::InvalidOption, "the session's header is none that HTTP can carry");
    let name = HeaderName::from_bytes(sent.name.as_bytes()).map_err(|_| refused())?;
    let mut value = HeaderValue::from_str(&sent.value).map_err(|_| refused())?;
    value.set_sensitive(true);
    Ok((name, value))
}
