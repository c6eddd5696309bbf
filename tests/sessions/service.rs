//! The layer of `tower`, with services that stand in for a server, and the argument of a handler of `axum`.

use std::{
    convert::Infallible,
    fmt,
    future::Future,
    sync::{Arc, Mutex},
    task::{Context, Poll},
};

use axum_core::{extract::FromRequestParts, response::IntoResponse as _};
use futures::future::BoxFuture;
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode};
use serde_json::{Value, json};
use sessile::{
    Error, ErrorKind, MissingSessionLayer, RequestHeaders, Secrets, Session, SessionLayer,
    SessionStorageMemory, Sessions, SessionsOptions,
};
use smol::block_on;
use tower_layer::Layer;
use tower_service::Service;

use crate::{
    app::{NEW, gated, held, sessions},
    gated::Call,
};

/// A service that is a function of the request's session.
#[derive(Clone)]
struct Handler<F>(F);

impl<F, A> Service<Request<()>> for Handler<F>
where
    F: Fn(Session<Value>) -> A,
    A: Future<Output = Result<Response<String>, Failed>> + Send + 'static,
{
    type Response = Response<String>;
    type Error = Failed;
    type Future = BoxFuture<'static, Result<Response<String>, Failed>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Failed>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<()>) -> Self::Future {
        Box::pin((self.0)(request.extensions().get().cloned().unwrap()))
    }
}

#[derive(Debug)]
struct Failed;

impl fmt::Display for Failed {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("of the service")
    }
}

impl std::error::Error for Failed {}

fn answer<A>(
    layer: &SessionLayer<Value>,
    cookie: Option<&str>,
    handler: impl Fn(Session<Value>) -> A + Clone,
) -> Result<Response<String>, Failed>
where
    A: Future<Output = Result<Response<String>, Failed>> + Send + 'static,
{
    let mut request = Request::builder().uri("https://example.org/");
    if let Some(cookie) = cookie {
        request = request.header("cookie", cookie);
    }
    block_on(layer.layer(Handler(handler)).call(request.body(()).unwrap()))
}

fn layer() -> SessionLayer<Value> {
    SessionLayer::new(sessions(SessionStorageMemory::new(), SessionsOptions::new()))
}

fn cookies(headers: &HeaderMap) -> Vec<&str> {
    headers.get_all("set-cookie").iter().map(|value| value.to_str().unwrap()).collect()
}

async fn count(session: Session<Value>) -> Result<Response<String>, Failed> {
    let count = session.update(|value| json!(value.and_then(|value| value.as_u64()).unwrap_or(0) + 1)).await;
    Ok(Response::new(count.unwrap().to_string()))
}

#[test]
fn what_was_changed_is_stored_before_the_response_goes_out() {
    let layer = layer();
    let first = answer(&layer, None, count).unwrap();
    let [cookie] = cookies(first.headers())[..] else { panic!("one cookie") };
    assert!(cookie.ends_with("; Path=/; Secure; HttpOnly; SameSite=Lax"));
    assert!(first.headers()["set-cookie"].is_sensitive());
    assert_eq!(first.headers()["cache-control"], "private, no-cache=\"set-cookie\"");
    let second = answer(&layer, cookie.split(';').next(), count).unwrap();
    assert_eq!((first.body().as_str(), second.body().as_str()), ("1", "2"));
    assert!(second.headers().is_empty());
}

#[test]
fn what_a_cookie_carries_whole_goes_through_the_layer_and_what_it_cannot_is_an_error() {
    let secrets = Secrets::new([NEW]).unwrap();
    let sessions = Sessions::sealed("user", &secrets, SessionsOptions::new()).unwrap();
    let errors = Arc::new(Mutex::new(Vec::new()));
    let told = Arc::clone(&errors);
    let layer =
        SessionLayer::new(sessions.clone()).on_error(move |error| told.lock().unwrap().push(error.kind()));
    let first = answer(&layer, None, count).unwrap();
    assert_eq!(first.headers()["cache-control"], "private, no-cache=\"set-cookie\"");
    let second = answer(&layer, cookies(first.headers())[0].split(';').next(), count).unwrap();
    assert_eq!((first.body().as_str(), second.body().as_str()), ("1", "2"));
    assert_eq!(cookies(second.headers()).len(), 1);
    let large = answer(&layer, None, |session| async move {
        session.set(json!("x".repeat(4_096))).await.unwrap();
        Ok(Response::new("large".to_owned()))
    });
    let large = large.unwrap();
    assert_eq!((large.status(), large.body().as_str()), (StatusCode::INTERNAL_SERVER_ERROR, ""));
    assert_eq!(
        (cookies(large.headers()).len(), &errors.lock().unwrap()[..]),
        (0, &[ErrorKind::TooLarge][..])
    );
    assert_eq!(sessions.counters().created, 1);
}

#[test]
fn s4_bytes_that_are_no_ascii_hide_no_cookie_and_make_none() {
    let layer = layer();
    let first = answer(&layer, None, count).unwrap();
    let own = cookies(first.headers())[0].split(';').next().unwrap().as_bytes();
    let seen = |parts: &[&[u8]]| {
        let cookie = HeaderValue::from_bytes(&parts.concat()).unwrap();
        let request = Request::builder().uri("https://example.org/").header("cookie", cookie);
        let response = block_on(layer.layer(Handler(count)).call(request.body(()).unwrap())).unwrap();
        response.into_body()
    };
    let strange: [&[u8]; 5] = [b"\xff", b"\xa0", b"\xc3\xbc", b"\xed\xa0\x80", b"\xef\xbb\xbf"];
    for (index, bytes) in strange.into_iter().enumerate() {
        let around = seen(&[b"a=", bytes, b"; ", bytes, b"=b; ", own, b"; c", bytes]);
        assert_eq!(around, (index + 2).to_string(), "{bytes:?}");
        for parts in
            [[bytes, own, b""], [own, bytes, b""], [b"user=", bytes, b""], [b"user", bytes, &own[4..]]]
        {
            assert_eq!(seen(&parts), "1", "{bytes:?}");
        }
    }
}

#[test]
fn a_response_keeps_what_the_application_has_set_itself() {
    let response = answer(&layer(), None, |session| async move {
        session.set(json!(1)).await.unwrap();
        let response = Response::builder().status(StatusCode::SEE_OTHER).header("location", "/next");
        let response = response.header("set-cookie", "theme=dark").header("cache-control", "no-store");
        Ok(response.body("body".to_owned()).unwrap())
    });
    let response = response.unwrap();
    assert_eq!((response.status(), response.body().as_str()), (StatusCode::SEE_OTHER, "body"));
    assert_eq!(response.headers()["location"], "/next");
    assert_eq!(response.headers()["cache-control"], "no-store");
    let cookies = cookies(response.headers());
    assert_eq!((cookies.len(), cookies[0]), (2, "theme=dark"));
}

#[test]
fn s6_a_session_that_cannot_be_stored_is_an_empty_500() {
    let (client, storage) = gated();
    let told = Arc::new(Mutex::new(Vec::new()));
    let errors = Arc::clone(&told);
    let layer = SessionLayer::new(client.sessions.clone())
        .on_error(move |error| errors.lock().unwrap().push(error.to_string()));
    storage.fail(Call::Set, Error::new(ErrorKind::Storage, "connection lost"));
    let response = answer(&layer, None, |session| async move {
        session.set(json!(1)).await.unwrap();
        Ok(Response::builder().header("x-secret", "1").body("body".to_owned()).unwrap())
    });
    let response = response.unwrap();
    assert_eq!((response.status().as_u16(), response.body().as_str()), (500, ""));
    let headers: Vec<_> =
        response.headers().iter().map(|(name, value)| (name.as_str(), value.clone())).collect();
    assert_eq!(headers, [("cache-control", "no-store".parse().unwrap())]);
    assert_eq!(*told.lock().unwrap(), ["connection lost"]);
}

#[test]
fn a_service_that_fails_stores_nothing_and_is_heard() {
    let storage = SessionStorageMemory::new();
    let layer = SessionLayer::new(sessions(storage.clone(), SessionsOptions::new()));
    let failed = answer(&layer, None, |session| async move {
        session.set(json!(1)).await.unwrap();
        Err(Failed)
    });
    assert_eq!(failed.unwrap_err().to_string(), "of the service");
    assert_eq!(held(&storage), 0);
}

#[test]
fn a_request_that_does_not_ask_is_not_delayed_and_its_session_is_closed_to_what_comes_later() {
    let kept = Arc::new(Mutex::new(None));
    let keeps = Arc::clone(&kept);
    let response = answer(&layer(), None, move |session| {
        *keeps.lock().unwrap() = Some(session);
        async { Ok(Response::new(String::new())) }
    });
    assert!(response.unwrap().headers().is_empty());
    let session = kept.lock().unwrap().take().unwrap();
    block_on(session.set(json!(1))).unwrap();
    assert_eq!(block_on(session.commit()).unwrap_err().kind(), ErrorKind::Closed);
}

/// Answers only where it was asked whether it is ready.
struct Ready<S>(S, bool);

impl<S: Clone> Clone for Ready<S> {
    fn clone(&self) -> Self {
        Self(self.0.clone(), false)
    }
}

impl<S: Service<Request<()>>> Service<Request<()>> for Ready<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, task: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.1 = true;
        self.0.poll_ready(task)
    }

    fn call(&mut self, request: Request<()>) -> S::Future {
        assert!(std::mem::take(&mut self.1), "it was not asked whether it is ready");
        self.0.call(request)
    }
}

#[test]
fn the_service_that_is_called_is_the_one_that_is_ready() {
    let mut service = layer().layer(Ready(Handler(count), false));
    for expected in ["1", "1"] {
        block_on(futures::future::poll_fn(|task| service.poll_ready(task))).unwrap();
        assert_eq!(block_on(service.call(Request::new(()))).unwrap().body(), expected);
    }
}

#[test]
fn sessions_of_two_kinds_take_a_layer_each() {
    #[derive(Clone)]
    struct Both;
    impl Service<Request<()>> for Both {
        type Response = Response<String>;
        type Error = Infallible;
        type Future = BoxFuture<'static, Result<Response<String>, Infallible>>;

        fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
            Poll::Ready(Ok(()))
        }

        fn call(&mut self, request: Request<()>) -> Self::Future {
            let text: Session<String> = request.extensions().get().cloned().unwrap();
            let number: Session<u32> = request.extensions().get().cloned().unwrap();
            Box::pin(async move {
                text.set("text".to_owned()).await.unwrap();
                number.set(17).await.unwrap();
                Ok(Response::new(String::new()))
            })
        }
    }
    let storage = SessionStorageMemory::new();
    let text = Sessions::<String>::cookie("text", storage.clone(), SessionsOptions::new()).unwrap();
    let number = Sessions::<u32>::header("X-Number", storage.clone(), SessionsOptions::new()).unwrap();
    let mut service = SessionLayer::new(text).layer(SessionLayer::new(number).layer(Both));
    let response = block_on(service.call(Request::new(()))).unwrap();
    assert!(cookies(response.headers())[0].starts_with("text="));
    assert_eq!(response.headers()["x-number"].len(), 43);
    assert_eq!(held(&storage), 2);
}

#[test]
fn a_request_tells_all_its_headers_and_how_it_came() {
    let request = Request::builder()
        .uri("https://example.org/")
        .header("cookie", "a=1")
        .header("cookie", "b=2")
        .header("x-forwarded-proto", "https")
        .header("x-forwarded-proto", "http")
        .header("x-raw", http::HeaderValue::from_bytes(b"caf\xe9").unwrap())
        .body(())
        .unwrap();
    let told = |headers: &dyn Fn(&str) -> Option<String>| {
        ["cookie", "x-forwarded-proto", "x-raw", "x-none"].map(headers)
    };
    let expected = ["a=1; b=2", "https, http", "caf\u{fffd}"].map(|text| Some(text.to_owned()));
    assert_eq!(told(&|name| request.header(name).map(Into::into))[..3], expected);
    assert_eq!(request.header("x-none"), None);
    assert!(request.is_https());
    let parts = request.into_parts().0;
    assert_eq!(told(&|name| parts.header(name).map(Into::into))[..3], expected);
    assert!(parts.is_https());
    assert!(!Request::builder().uri("/path").body(()).unwrap().is_https());
    assert!(!Request::builder().uri("http://example.org/").body(()).unwrap().is_https());
}

#[test]
fn a_handler_of_axum_takes_its_session_or_says_that_there_is_no_layer() {
    let (mut parts, ()) = Request::new(()).into_parts();
    let missing = block_on(<Session<Value>>::from_request_parts(&mut parts, &())).unwrap_err();
    assert_eq!(missing, MissingSessionLayer);
    assert_eq!(missing.into_response().status(), StatusCode::INTERNAL_SERVER_ERROR);
    let response = answer(&layer(), None, |session| async move {
        let (mut parts, ()) = Request::new(()).into_parts();
        parts.extensions.insert(session.clone());
        let taken = <Session<Value>>::from_request_parts(&mut parts, &()).await.unwrap();
        taken.set(json!("taken")).await.unwrap();
        Ok(Response::new(session.get().await.unwrap().unwrap().to_string()))
    });
    assert_eq!(response.unwrap().body(), "\"taken\"");
}
