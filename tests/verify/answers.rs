//! Wrong sites over plain HTTP, each with one thing wrong, and what must be found of it: that, and nothing else.

use crate::published::{self, NOT_FOUND, OLD_ABOUT, OLD_STYLE, found, published};
use crate::site::{Reply, RunningSite, Seen, Wrong, plain, with, with_body, without};
use crate::support::{Cloud, DISTRIBUTION, Site};
use bytes::Bytes;
use http::Response;
use sitepush::local::control::ControlPlane;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

const MADE_UP: &str = "/sitepush-verify-ID";

/// Changes the answers for one path.
fn at(path: &'static str, change: impl Fn(Response<Bytes>) -> Reply + Send + Sync + 'static) -> Wrong {
    Wrong::changing(
        move |seen, answer| if seen.path == path { change(answer) } else { Reply::Answer(answer) },
    )
}

fn answers(
    path: &'static str,
    change: impl Fn(Response<Bytes>) -> Response<Bytes> + Send + Sync + 'static,
) -> Wrong {
    at(path, move |answer| Reply::Answer(change(answer)))
}

/// Changes the answers for names that were made up.
fn made_up(change: impl Fn(&Seen, Response<Bytes>) -> Response<Bytes> + Send + Sync + 'static) -> Wrong {
    Wrong::changing(move |seen, answer| {
        Reply::Answer(if seen.is_made_up() { change(seen, answer) } else { answer })
    })
}

/// Runs `verify` against the site and holds what it found, all of it, against what is wrong.
#[track_caller]
fn assert_found(cloud: &Cloud, name: &str, wrong: Wrong, expected: &[&str]) {
    let site = RunningSite::start(&cloud.target.edge, wrong);
    let answer = published::verify(cloud, &site.url(), &["--timeout", "3"]);
    let is_wrong = expected.iter().any(|finding| finding.starts_with("problem"));
    assert_eq!(answer.code, i32::from(is_wrong), "{name}\n{}\n{}", answer.stdout, answer.stderr);
    let mut expected: Vec<String> =
        expected.iter().map(|finding| finding.replace("MADE_UP", MADE_UP)).collect();
    expected.sort();
    assert_eq!(found(&answer.json()), expected, "{name}\n{}", answer.stdout);
}

fn redirect(to: &str) -> Response<Bytes> {
    with(plain(301, "text/plain", ""), "location", to)
}

#[test]
fn old_content_is_told_from_wrong_content() {
    let (cloud, _site) = published(&[]);
    let old = || with_body(plain(200, "text/html; charset=utf-8", ""), OLD_ABOUT);
    let cache_control = "public, max-age=0, s-maxage=31536000, must-revalidate";
    let old = move || with(old(), "cache-control", cache_control);
    for (name, wrong, expected) in [
        (
            "an old copy in a cache",
            answers("/about/", move |_| with(with(old(), "age", "120"), "x-cache", "Hit from cloudfront")),
            "problem old-copy /about/",
        ),
        (
            "an old copy that tells its age alone",
            answers("/about", move |_| with(old(), "age", "7")),
            "problem old-copy /about",
        ),
        ("old bytes without a cache", answers("/about/", move |_| old()), "problem old-bytes /about/"),
        (
            "an old style sheet from the bucket",
            answers("/style.css", |answer| without(without(with_body(answer, OLD_STYLE), "x-cache"), "age")),
            "problem old-bytes /style.css",
        ),
        (
            "other bytes",
            answers("/style.css", |answer| with_body(answer, "body { color: red }")),
            "problem bytes /style.css",
        ),
        (
            "a page that left and is still answered",
            answers("/gone.html", |_| plain(200, "text/html", "<h1>Soon gone</h1>")),
            "problem still-there /gone.html",
        ),
    ] {
        assert_found(&cloud, name, wrong, &[expected]);
    }
}

#[test]
fn wrong_headers_are_named() {
    let (cloud, _site) = published(&[]);
    for (name, wrong, expected) in [
        (
            "another type",
            answers("/data.json", |answer| with(answer, "content-type", "text/plain")),
            "problem content-type /data.json",
        ),
        (
            "no type",
            answers("/logo.svg", |answer| without(answer, "content-type")),
            "problem content-type /logo.svg",
        ),
        (
            "no character set",
            answers("/about/", |answer| with(answer, "content-type", "text/html")),
            "problem charset /about/",
        ),
        (
            "another cache control",
            answers("/style.css", |answer| {
                with(answer, "cache-control", "public, max-age=31536000, immutable")
            }),
            "problem cache-control /style.css",
        ),
        (
            "no cache control",
            answers("/assets/photo-D0KLVOtM.png", |answer| without(answer, "cache-control")),
            "problem cache-control /assets/photo-D0KLVOtM.png",
        ),
    ] {
        assert_found(&cloud, name, wrong, &[expected]);
    }
    // The same said otherwise is the same.
    let same = Wrong::changing(|seen, answer| {
        Reply::Answer(match seen.path.as_str() {
            "/assets/photo-D0KLVOtM.png" => {
                with(answer, "cache-control", "Immutable,max-age=31536000, PUBLIC")
            }
            "/about/" => with(answer, "content-type", "Text/HTML;charset=\"UTF-8\""),
            _ => answer,
        })
    });
    assert_found(&cloud, "other spellings", same, &[]);
}

#[test]
fn headers_that_rules_gave_objects_are_compared() {
    let (cloud, build, home) = (Cloud::new(), published::whole_site(), Site::new());
    home.write(
        "sitepush.toml",
        "[[rules]]\nmatch = \"logo.svg\"\nheaders = { content-disposition = \"attachment\" }\n\
         [[rules]]\nmatch = \"style.css\"\nheaders = { content-language = \"en\" }\n",
    );
    let config = home.path().join("sitepush.toml");
    let store_arn = ControlPlane::store_arn(DISTRIBUTION);
    let more = ["--config", config.to_str().expect("a plain path"), "--key-value-store", &store_arn];
    cloud.push(&build, &more).success();
    assert_found(&cloud, "as they were published", Wrong::default(), &[]);
    for (name, wrong, expected) in [
        (
            "shown instead of saved",
            answers("/logo.svg", |answer| without(answer, "content-disposition")),
            "problem header /logo.svg",
        ),
        (
            "another language",
            answers("/style.css", |answer| with(answer, "content-language", "de")),
            "problem header /style.css",
        ),
    ] {
        assert_found(&cloud, name, wrong, &[expected]);
    }
}

#[test]
fn whoever_asks_says_so_and_is_nobody_in_particular() {
    let (cloud, _site) = published(&[]);
    let seen = Arc::new(Mutex::new(Vec::new()));
    let heard = Arc::clone(&seen);
    let site = Wrong::changing(move |asked, answer| {
        heard.lock().expect("no panic").push(asked.headers.clone());
        Reply::Answer(answer)
    });
    assert_found(&cloud, "heard, and right", site, &[]);
    let seen = seen.lock().expect("no panic");
    assert!(seen.len() > 10, "{} requests", seen.len());
    for headers in seen.iter() {
        let user_agent = format!("sitepush/{} verify", env!("CARGO_PKG_VERSION"));
        assert_eq!(headers["user-agent"], user_agent);
        for name in ["cookie", "authorization", "x-amz-security-token"] {
            assert!(!headers.contains_key(name), "{headers:?}");
        }
    }
}

#[test]
fn no_more_than_eight_requests_are_in_flight() {
    let (cloud, _site) = published(&[]);
    let (in_flight, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let counted = most.clone();
    let slow = Wrong::changing(move |_, answer| {
        counted.fetch_max(in_flight.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
        let in_flight = in_flight.clone();
        let wait = async move {
            // Meanwhile comes what is sent without waiting for an answer.
            tokio::time::sleep(Duration::from_millis(100)).await;
            in_flight.fetch_sub(1, Ordering::SeqCst);
        };
        Reply::After(Box::pin(wait), answer)
    });
    assert_found(&cloud, "slow, and right", slow, &[]);
    let most = most.load(Ordering::SeqCst);
    assert!((2..=8).contains(&most), "{most} at a time");
}

#[test]
fn wrong_encodings_are_named() {
    let (cloud, _site) = published(&[]);
    let no_encoding = Wrong::asking(|request| drop(request.headers_mut().remove("accept-encoding")));
    assert_found(
        &cloud,
        "no compression",
        no_encoding,
        &["warning not-compressed /assets/app-DRXg7gsA.js", "warning not-compressed /pack.js"],
    );
    for (name, wrong, expected) in [
        (
            "an encoding that is none",
            answers("/style.css", |answer| with(answer, "content-encoding", "gzip")),
            "problem encoding /style.css",
        ),
        (
            "an encoding that nobody asked for",
            answers("/style.css", |answer| with(answer, "content-encoding", "zstd")),
            "problem encoding /style.css",
        ),
        (
            "a compressed body that is cut",
            answers("/assets/app-DRXg7gsA.js", |mut answer| {
                let half = answer.body().len() / 2;
                answer.body_mut().truncate(half);
                answer
            }),
            "problem encoding /assets/app-DRXg7gsA.js",
        ),
        (
            "a packed file that somebody unpacked",
            answers("/pack.js.gz", |answer| with_body(answer, "let packed = true;\n".repeat(100))),
            "problem encoding /pack.js.gz",
        ),
        (
            "a packed file with other bytes",
            answers("/pack.js.gz", |answer| {
                with(with_body(answer, published::gzip(b"let packed = 2")), "content-encoding", "gzip")
            }),
            "problem bytes /pack.js.gz",
        ),
    ] {
        assert_found(&cloud, name, wrong, &[expected]);
    }
}

#[test]
fn what_is_missing_or_is_not_missing_is_named() {
    let (cloud, _site) = published(&[]);
    let missing = || plain(404, "text/html", "not here");
    let soft = |text: &'static str| move |_: &Seen, _: Response<Bytes>| plain(200, "text/html", text);
    for (name, wrong, expected) in [
        ("a page is gone", answers("/about/", move |_| missing()), vec!["problem not-there /about/"]),
        ("a file is gone", answers("/style.css", move |_| missing()), vec!["problem not-there /style.css"]),
        (
            "a file is refused",
            answers("/caf%C3%A9%20menu.txt", |_| plain(403, "application/xml", "<Error/>")),
            vec!["problem not-there /caf%C3%A9%20menu.txt"],
        ),
        (
            "a page fails",
            answers("/about/", |_| plain(502, "text/html", "bad")),
            vec!["problem status /about/"],
        ),
        (
            "a page for every page",
            made_up(
                |seen, answer| {
                    if seen.path.ends_with(".js") { answer } else { plain(200, "text/html", "Welcome") }
                },
            ),
            vec!["problem soft-not-found MADE_UP"],
        ),
        (
            "a soft 404",
            made_up(soft(NOT_FOUND)),
            vec!["problem soft-not-found MADE_UP", "problem soft-not-found MADE_UP.js"],
        ),
        (
            "403 for what is missing",
            made_up(|_, _| plain(403, "application/xml", "<Error/>")),
            vec!["warning not-found-status MADE_UP", "warning not-found-status MADE_UP.js"],
        ),
        (
            "503 for what is missing",
            made_up(|_, _| plain(503, "text/plain", "later")),
            vec!["problem not-found-status MADE_UP", "problem not-found-status MADE_UP.js"],
        ),
        (
            "another error page",
            made_up(|_, _| plain(404, "text/html", "Not found")),
            vec!["warning error-page MADE_UP", "warning error-page MADE_UP.js"],
        ),
        (
            "an error that browsers keep",
            made_up(|_, answer| with(answer, "cache-control", "public, max-age=86400")),
            vec!["warning error-kept MADE_UP", "warning error-kept MADE_UP.js"],
        ),
        (
            "the record for everybody",
            answers("/.sitepush/manifest.json.gz", |_| plain(200, "application/gzip", "secret")),
            vec!["problem state-readable /.sitepush/manifest.json.gz"],
        ),
    ] {
        assert_found(&cloud, name, wrong, &expected);
    }
    let lower_case = Wrong::asking(|request| {
        let path = request.uri().path().to_owned();
        if path.starts_with("/.sitepush") || path.starts_with("/sitepush-verify") || path.contains('%') {
            return;
        }
        *request.uri_mut() = path.to_ascii_lowercase().parse().expect("a path");
    });
    let expected = [
        "problem not-there /assets/app-DRXg7gsA.js",
        "problem not-there /assets/photo-D0KLVOtM.png",
        "warning letter-case /INDEX.HTML",
    ];
    assert_found(&cloud, "paths in lower case", lower_case, &expected);
}

#[test]
fn wrong_redirects_are_named() {
    let (cloud, site) = published(&[]);
    let circle = Wrong::changing(|seen, answer| {
        Reply::Answer(match seen.path.as_str() {
            "/about/" => redirect("/about"),
            "/about" => redirect("/about/"),
            _ => answer,
        })
    });
    assert_found(
        &cloud,
        "a circle",
        circle,
        &["problem redirect-loop /about", "problem redirect-loop /about/"],
    );
    let elsewhere = answers("/style.css", |_| redirect("/assets/style.css"));
    assert_found(&cloud, "elsewhere", elsewhere, &["problem unexpected-redirect /style.css"]);
    let other_host = answers("/style.css", |_| redirect("https://example.com/style.css"));
    assert_found(&cloud, "another host", other_host, &["problem unexpected-redirect /style.css"]);
    let home = made_up(|_, _| redirect("/"));
    assert_found(
        &cloud,
        "home from everywhere",
        home,
        &["warning not-found-status MADE_UP", "warning not-found-status MADE_UP.js"],
    );

    // The site wants one address for each page, and the edge was not told.
    let config = site.path().join("sitepush.toml");
    std::fs::write(&config, "[site]\ntrailing_slash = \"auto\"\n").expect("it can be written");
    let config = config.to_str().expect("a plain path");
    let answer = published::verify(&cloud, &cloud.target.site_url(), &["--config", config]).expect_code(1);
    assert_eq!(found(&answer.json()), ["problem no-redirect /about"], "{}", answer.stdout);
}

#[test]
fn a_site_that_answers_badly_or_not_at_all_is_named() {
    let (cloud, _site) = published(&[]);
    for (name, wrong, expected) in [
        ("a cut body", at("/data.json", Reply::Cut), "problem truncated /data.json"),
        ("a connection that ends", at("/logo.svg", |_| Reply::Reset), "problem no-answer /logo.svg"),
        ("silence", at("/data.json", |_| Reply::Silence), "problem timed-out /data.json"),
        (
            "a body without end",
            answers("/data.json", |answer| with_body(answer, vec![b' '; 9 << 20])),
            "problem bytes /data.json",
        ),
    ] {
        assert_found(&cloud, name, wrong, &[expected]);
    }
}

#[test]
fn one_broken_connection_is_no_finding() {
    let (cloud, _site) = published(&[]);
    let count = AtomicUsize::new(0);
    let once = at("/data.json", move |answer| match count.fetch_add(1, Ordering::SeqCst) {
        0 => Reply::Cut(answer),
        _ => Reply::Answer(answer),
    });
    assert_found(&cloud, "it is asked again", once, &[]);
}

#[test]
fn a_site_that_is_not_there_is_not_called_wrong() {
    let (cloud, _site) = published(&[]);
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    drop(listener);
    let answer = published::verify(&cloud, &url, &[]);
    assert_eq!(answer.json()["error"]["class"], "environment");
    answer.explains(5, &["cannot reach", &url, "refused"]);
    let silent = RunningSite::start(&cloud.target.edge, Wrong::changing(|_, _| Reply::Silence));
    published::verify(&cloud, &silent.url(), &["--timeout", "1"]).explains(5, &["no answer in 1 s"]);
}

#[test]
fn an_address_with_nothing_of_the_release_is_told_once() {
    let (cloud, _site) = published(&[]);
    let elsewhere = |wrong: Wrong, words: &[&str]| {
        let site = RunningSite::start(&cloud.target.edge, wrong);
        let answer = published::verify(&cloud, &site.url(), &[]);
        let document = answer.expect_code(1).json();
        assert_eq!(found(&document), ["problem elsewhere /"], "{document:#}");
        for word in words {
            assert!(document.to_string().contains(word), "no `{word}` in {document:#}");
        }
    };
    elsewhere(
        Wrong::changing(|_, _| Reply::Answer(plain(404, "text/html", "nothing"))),
        &["status 404, and the like for all", "is the site's address; if it is, `sitepush doctor`"],
    );
    elsewhere(
        Wrong::changing(|_, _| Reply::Answer(redirect("https://www.example.com/"))),
        &["status 301 to `https://www.example.com/`", "verify the address that it redirects to"],
    );
    // As soon as one page is right, the site is this one, and each of the others has its own fault.
    let site = RunningSite::start(
        &cloud.target.edge,
        Wrong::changing(|seen, answer| {
            let is_right = seen.path == "/style.css" || seen.is_made_up();
            Reply::Answer(if is_right { answer } else { plain(404, "text/html", "nothing") })
        }),
    );
    let document = published::verify(&cloud, &site.url(), &[]).expect_code(1).json();
    assert!(found(&document).len() > 5, "{document:#}");
}

#[test]
fn a_release_that_is_not_live_is_told_from_a_broken_one() {
    let (cloud, _site) = published(&[]);
    let releases = cloud.on_target("releases", &["--json"]).success().json();
    let (live, old) = (&releases[0]["id"], releases[1]["id"].as_str().expect("an id"));
    let site = RunningSite::start(&cloud.target.edge, Wrong::default());
    let document = published::verify(&cloud, &site.url(), &["--release", old]).expect_code(1).json();
    let findings = document["findings"].as_array().expect("a list");
    assert!(!findings.is_empty());
    let remedy =
        format!("{} is live; `sitepush rollback {old}` makes this one so", live.as_str().expect("an id"));
    for finding in findings.iter().filter(|finding| !finding["key"].is_null()) {
        assert_eq!(finding["remedy"], remedy.as_str());
    }
}
