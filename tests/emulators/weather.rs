//! Bad weather on the way to an emulator: a proxy that delays each request, tells some to slow down and resets the
//! connections of others after they acted.

use std::io::{BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use http::Method;
use sitepush::local::faults::{Call, Effect, Faults, Rule};

use crate::emulator::Emulator;
use crate::meddler::read_request;
use crate::support::{Answer, Site};
use crate::witness::closing;

/// What became of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Answered,
    ToldToSlowDown,
    /// It acted, and its connection was reset.
    Unheard,
}

/// Its threads end with the connections, and at the latest with the test's process.
struct Weather {
    url: String,
    /// Method and target of each request, and what became of it.
    met: Arc<Mutex<Vec<(String, Fate)>>>,
}

impl Weather {
    /// The weather of `tests/defects.rs`, with the same seeds: 50 ms for all, 30% are told to slow down and 10% are not
    /// answered, give or take two, from the sixtieth request on.
    fn start(upstream: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let upstream = upstream.trim_start_matches("http://").to_owned();
        let faults = Faults::default();
        faults.add(Rule::new(Effect::Delay(Duration::from_millis(50))));
        faults.add(Rule::new(Effect::ResetAfter).share(10, 723));
        faults.add(Rule::slow_down().share(33, 555));
        let met = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&met);
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let (upstream, faults, kept) = (upstream.clone(), faults.clone(), Arc::clone(&kept));
                // A connection that breaks is the client's to notice.
                thread::spawn(move || pass_on(client, &upstream, &faults, &kept));
            }
        });
        Self { url, met }
    }

    fn push(&self, emulator: &Emulator, site: &Site) -> Answer {
        let mut command = emulator.push_command(site, &[]);
        let output = command.env("AWS_ENDPOINT_URL", &self.url).output();
        Answer::from_output(&output.expect("the program starts"))
    }

    fn met(&self) -> Vec<(String, Fate)> {
        self.met.lock().expect("no panic while it is locked").clone()
    }

    /// How many percent of the requests had this fate.
    fn share(&self, fate: Fate) -> usize {
        let met = self.met();
        100 * met.iter().filter(|(_, found)| *found == fate).count() / met.len()
    }

    /// How many requests that begin so were not answered.
    fn unheard(&self, beginning: &str) -> usize {
        let met = self.met().into_iter();
        met.filter(|(call, fate)| *fate == Fate::Unheard && call.starts_with(beginning)).count()
    }
}

/// One request to a connection, so that an answer ends with it.
fn pass_on(
    mut client: TcpStream,
    upstream: &str,
    faults: &Faults,
    met: &Mutex<Vec<(String, Fate)>>,
) -> std::io::Result<()> {
    let Some((head, body)) = read_request(&mut BufReader::new(client.try_clone()?))? else { return Ok(()) };
    let call = head.split(" HTTP/").next().unwrap_or_default().to_owned();
    let meet = |fate| met.lock().expect("no panic while it is locked").push((call.clone(), fate));
    // The rules are for every request, whatever it is.
    let any = Call { operation: "", method: &Method::GET, bucket: None, key: None };
    let verdict = faults.judge(&any);
    thread::sleep(verdict.delay);
    if let Some(Effect::Answer(_)) = verdict.effect {
        meet(Fate::ToldToSlowDown);
        let body = "<Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>";
        let length = body.len();
        let head = format!("HTTP/1.1 503 Slow Down\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n");
        return client.write_all((head + body).as_bytes());
    }
    let mut server = TcpStream::connect(upstream)?;
    server.write_all(closing(&head).as_bytes())?;
    server.write_all(&body)?;
    let mut answer = Vec::new();
    server.read_to_end(&mut answer)?;
    if let Some(Effect::ResetAfter) = verdict.effect {
        meet(Fate::Unheard);
        return reset(client);
    }
    meet(Fate::Answered);
    let end = memchr::memchr(b'\n', &answer).map_or(answer.len(), |at| at + 1);
    client.write_all(&answer[..end])?;
    client.write_all(b"connection: close\r\n")?;
    client.write_all(&answer[end..])
}

/// Closes a connection with a TCP RST, as a socket does that does not linger.
fn reset(client: TcpStream) -> std::io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
    let _inside = runtime.enter();
    client.set_nonblocking(true)?;
    tokio::net::TcpStream::from_std(client)?.set_zero_linger()
}

pub fn through_latency_throttles_and_resets_the_site_arrives_and_nothing_twice(emulator: &Emulator) {
    let site = Site::small();
    for number in 0..20 {
        site.write(&format!("blog/{number:02}.html"), format!("post {number}"));
    }
    let weather = Weather::start(&emulator.url);
    weather.push(emulator, &site).success();
    emulator.assert_is_published(&site, "");
    let first_keys = emulator.site_keys();
    assert_eq!(first_keys.len(), 26);
    for key in &first_keys {
        assert_eq!(emulator.writes(key), 1, "`{key}` is new, and written where nothing is");
    }

    site.write("index.html", "new").write("style.css", "new").write("more.css", "new").remove("blog/19.html");
    weather.push(emulator, &site).success();
    emulator.assert_is_published(&site, "");
    let keys = emulator.site_keys();
    assert!(!keys.contains(&"blog/19.html".to_owned()) && keys.len() == 26, "{keys:?}");
    for key in &keys {
        // What is written over may be written over again where the answer was lost.
        let is_changed = ["index.html", "style.css"].contains(&key.as_str());
        let lost = if is_changed { weather.unheard(&format!("PUT /example-site/{key}")) } else { 0 };
        let least = 1 + usize::from(is_changed);
        let writes = emulator.writes(key);
        assert!((least..=least + lost).contains(&writes), "`{key}` was written {writes} times");
    }
    assert_eq!(emulator.invalidated_once(), [vec!["/", "/index.html", "/style.css"], vec!["/blog/19*"]]);
    let releases = emulator.on_target("releases", &["--json"]).success().json();
    assert_eq!(releases.as_array().expect("a list").len(), 2);
    let status = emulator.on_target("status", &["--verify-remote", "--json"]).success().json();
    assert_eq!(status["lock"], "free", "{status:#}");
    for list in ["debts", "drift", "unknown"] {
        assert_eq!(status[list], serde_json::json!([]), "{status:#}");
    }
    let (throttled, unheard) = (weather.share(Fate::ToldToSlowDown), weather.share(Fate::Unheard));
    assert!((27..=33).contains(&throttled), "{throttled}% were told to slow down");
    assert!((8..=12).contains(&unheard), "{unheard}% were not answered");
}
