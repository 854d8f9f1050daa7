//! Heads of requests and responses: what reaches the other side, and what does not.

use axum::Router;
use axum::extract::Request as AxumRequest;
use axum::response::IntoResponse;
use axum::routing::{any, get};
use azwire_tests::origin::{Origin, read_head};
use azwire_tests::within;
use http::{HeaderMap, Method, Request, Response, StatusCode, header};
use tokio::io::AsyncWriteExt;
use transport::{Body, ReasonPhrase};

use crate::site::{Site, body_of, proxy, serve, text_of};

/// Answers with what it got, one header a line; also in the header `x-got`.
async fn mirror(request: AxumRequest) -> impl IntoResponse {
    let mut lines: Vec<String> = request
        .headers()
        .iter()
        .map(|(name, value)| format!("{name}: {}", value.to_str().unwrap()))
        .collect();
    lines.sort();
    let line = format!("{} {}", request.method(), request.uri());
    (
        [("x-got", line.clone())],
        format!("{line}\n{}", lines.join("\n")),
    )
}

fn mirrors() -> Router {
    Router::new().fallback(any(mirror))
}

#[tokio::test]
async fn every_method_reaches_the_target_with_its_path_and_query() {
    within(async {
        let address = serve(mirrors()).await;
        for (target, path) in [
            (format!("http://{address}"), ""),
            (format!("http://{address}/app/"), "/app"),
        ] {
            let site = Site::of(proxy(&target)).await;
            for method in [
                "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND",
            ] {
                let request = Request::builder()
                    .method(Method::from_bytes(method.as_bytes()).unwrap())
                    .uri("/a%20b//c?q=%2F&q&sb-hc-x=1")
                    .body(Body::empty());
                let response = site.send(request.unwrap()).await;
                assert_eq!(response.status(), 200, "{method}");
                let expected = format!("{method} {path}/a%20b//c?q=%2F&q");
                assert_eq!(response.headers()["x-got"], expected);
                let is_empty = body_of(response).await.is_empty();
                assert_eq!(is_empty, method == "HEAD", "{method}");
            }
            let response = site.get("/").await;
            assert_eq!(response.headers()["x-got"], format!("GET {path}/"));
        }
        let site = Site::of(proxy(&format!("http://{address}/app"))).await;
        let response = site.get("/a/..;/..;/admin").await;
        assert_eq!(response.status(), 400);
        let text = text_of(response).await;
        assert!(
            text.starts_with("The path is not one that the listener passes on. TrackingId:"),
            "{text}"
        );
        let kept = proxy(&format!("http://{address}")).with_full_paths(true);
        let site = Site::of(kept).await;
        let response = site.get("/a").await;
        assert_eq!(response.headers()["x-got"], "GET /hc1/a");
        assert!(!text_of(response).await.contains("x-forwarded-prefix"));
    })
    .await;
}

#[tokio::test]
async fn the_target_learns_who_asks_and_senders_cannot_pretend() {
    within(async {
        let address = serve(mirrors()).await;
        let relay = |site: &Site| {
            let address = site.world.emulator.relay();
            let text = address.plain_connection_string("hc1");
            let (_, rest) = text.expose().split_once("sb://").unwrap();
            rest.split_once('/').unwrap().0.to_owned()
        };
        let ask = || {
            Request::get("/who")
                .header("X-Forwarded-For", "203.0.113.9")
                .header("X-Forwarded-Host", "shop.example")
                .header("Forwarded", "for=203.0.113.9")
                .header("X-Real-IP", "203.0.113.9")
                .header("X-Own", "1")
                .header("X-Own", "2")
                .header("Cookie", "a=1; b=2")
                .body(Body::empty())
                .unwrap()
        };
        let site = Site::of(proxy(&format!("http://{address}"))).await;
        let host = relay(&site);
        let seen = text_of(site.send(ask()).await).await;
        for line in [
            "cookie: a=1; b=2",
            &format!("forwarded: for=127.0.0.1;host=\"{host}\";proto=https"),
            &format!("host: {address}"),
            "x-forwarded-for: 127.0.0.1",
            &format!("x-forwarded-host: {host}"),
            "x-forwarded-prefix: /hc1",
            "x-forwarded-proto: https",
            "x-own: 1, 2",
        ] {
            assert!(
                seen.lines().any(|seen| seen == line),
                "{line} is not in\n{seen}"
            );
        }
        assert!(
            seen.contains("via: ") && seen.contains(", 1.1 azwire"),
            "{seen}"
        );
        for wrong in [
            "203.0.113.9",
            "shop.example",
            "authorization",
            "sb-hc",
            "connection:",
        ] {
            assert!(!seen.contains(wrong), "{wrong} is in\n{seen}");
        }

        let believing = proxy(&format!("http://{address}"))
            .with_trusted_senders(true)
            .with_preserved_host(true);
        let site = Site::of(believing).await;
        let host = relay(&site);
        let seen = text_of(site.send(ask()).await).await;
        for line in [
            &format!("forwarded: for=203.0.113.9, for=127.0.0.1;host=\"{host}\";proto=https"),
            &format!("host: {host}"),
            "x-forwarded-for: 203.0.113.9, 127.0.0.1",
            "x-forwarded-host: shop.example",
            "x-real-ip: 203.0.113.9",
        ] {
            assert!(
                seen.lines().any(|seen| seen == line),
                "{line} is not in\n{seen}"
            );
        }
    })
    .await;
}

#[tokio::test]
async fn what_is_about_the_targets_connection_does_not_reach_the_sender() {
    within(async {
        let origin = Origin::answering(
            "HTTP/1.1 203 Own Words\r\nConnection: close, X-Hop\r\nX-Hop: 1\r\nKeep-Alive: timeout=5\r\n\
             Proxy-Authenticate: Basic\r\nTrailer: X-Late\r\nX-Kept: 1\r\nX-Kept: 2\r\nLocation: /login\r\n\
             Transfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\nX-Late: 1\r\n\r\n",
        )
        .await;
        let site = Site::of(proxy(&origin.uri("").to_string())).await;
        let response = site.get("/").await;
        assert_eq!(response.status(), 203);
        let reason = response.extensions().get::<ReasonPhrase>();
        assert_eq!(reason.unwrap().as_str(), "Own Words");
        let headers = response.headers();
        for name in ["x-hop", "keep-alive", "proxy-authenticate", "trailer", "x-late"] {
            assert!(!headers.contains_key(name), "{name}");
        }
        let kept: Vec<_> = headers.get_all("x-kept").iter().collect();
        assert_eq!(kept, ["1, 2"]);
        assert_eq!(headers[header::LOCATION], "/hc1/login");
        assert_eq!(body_of(response).await, "body");
    })
    .await;
}

#[tokio::test]
async fn responses_without_a_body_have_none() {
    within(async {
        let router = Router::new()
            .route("/204", get(|| async { StatusCode::NO_CONTENT }))
            .route(
                "/304",
                get(|| async { (StatusCode::NOT_MODIFIED, [(header::ETAG, "\"1\"")]) }),
            )
            .route("/200", get(|| async { "not for HEAD" }));
        let site = Site::with(router).await;
        for (path, status) in [("/204", 204), ("/304", 304)] {
            let response = site.get(path).await;
            assert_eq!(response.status(), status);
            assert_eq!(response.headers().contains_key("etag"), status == 304);
            assert!(body_of(response).await.is_empty());
        }
        let request = Request::head("/200").body(Body::empty()).unwrap();
        let response = site.send(request).await;
        assert_eq!(response.status(), 200);
        assert!(body_of(response).await.is_empty());
    })
    .await;
}

#[tokio::test]
async fn the_first_of_several_cookies_reaches_the_sender() {
    within(async {
        let cookies = || async {
            let mut headers = HeaderMap::new();
            headers.append(header::SET_COOKIE, "a=1; Path=/".parse().unwrap());
            headers.append(header::SET_COOKIE, "b=2".parse().unwrap());
            headers
        };
        let address = serve(Router::new().route("/", get(cookies))).await;
        let site = Site::of(proxy(&format!("http://{address}"))).await;
        let response = site.get("/").await;
        assert_eq!(response.headers()[header::SET_COOKIE], "a=1; Path=/");
    })
    .await;
}

#[tokio::test]
async fn a_safe_request_outlives_a_connection_that_the_target_closes() {
    within(async {
        // Each connection answers once, then reads the next request and ends without a word.
        let origin = Origin::start(|_, mut stream| async move {
            if read_head(&mut stream).await.is_empty() {
                return;
            }
            let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
            stream.write_all(answer).await.unwrap();
            read_head(&mut stream).await;
        })
        .await;
        let site = Site::of(proxy(&origin.uri("").to_string())).await;
        for _ in 0..4 {
            let response = site.get("/").await;
            assert_eq!(response.status(), 200);
            assert_eq!(body_of(response).await, "ok");
        }
        let post = || Request::post("/").body(Body::empty()).unwrap();
        let statuses = [
            site.send(post()).await.status(),
            site.send(post()).await.status(),
        ];
        assert!(statuses.contains(&StatusCode::BAD_GATEWAY), "{statuses:?}");
        assert!(origin.accepted() >= 4);
    })
    .await;
}

#[tokio::test]
async fn redirects_are_not_followed_and_lead_back_through_the_relay() {
    within(async {
        async fn redirect(request: AxumRequest) -> Response<axum::body::Body> {
            let host = request.headers()["host"].to_str().unwrap();
            let shown = request.headers()["x-forwarded-host"].to_str().unwrap();
            let location = match request.uri().path() {
                "/absolute" => format!("http://{host}/next?a=1"),
                "/shown" => format!("https://{shown}/next?a=1"),
                "/path" => "/next?a=1".to_owned(),
                _ => "https://other.example/next".to_owned(),
            };
            let response = Response::builder().status(302);
            let response = response.header("location", location);
            response.body(axum::body::Body::empty()).unwrap()
        }
        let site = Site::with(Router::new().fallback(any(redirect))).await;
        for (path, location) in [
            ("/absolute", "/hc1/next?a=1"),
            ("/shown", "/hc1/next?a=1"),
            ("/path", "/hc1/next?a=1"),
            ("/away", "https://other.example/next"),
        ] {
            let response = site.get(path).await;
            assert_eq!(response.status(), 302, "{path}");
            assert_eq!(response.headers()["location"], location, "{path}");
        }
    })
    .await;
}
