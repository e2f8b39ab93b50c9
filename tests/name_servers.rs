//! What name servers answer, asked by the edge that the program uses: a resolver and the zone's own servers are real
//! ones on the loopback interface.

#[path = "support/dns.rs"]
mod dns;

use std::net::UdpSocket;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use dns::{Asked, FIRST, NameServers, Reply};
use sitepush::core::domain::dns::{Delegation, DnsAnswer, allows_amazon};
use sitepush::core::domain::name::DnsName;
use sitepush::edges::dns::{Dns, Question};

fn name(text: &str) -> DnsName {
    DnsName::from_service(text)
}

fn records(values: &[&str]) -> Reply {
    Reply::Records(values.iter().map(|value| (*value).to_owned()).collect())
}

fn ask(servers: &NameServers, of: &str, question: Question) -> DnsAnswer {
    runtime().block_on(Dns::new(servers.resolver).ask_resolver(&name(of), question))
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime")
}

#[test]
fn delegation_is_what_the_resolver_hears_of_the_zone() {
    let servers = NameServers::start(|asked| match (asked.name.as_str(), asked.kind.as_str()) {
        ("right.example", "NS") => records(&["ns-1.example.net.", "ns-2.example.net."]),
        ("moved.example", "NS") => records(&["old.example.org."]),
        ("half.example", "NS") => records(&["ns-1.example.net.", "old.example.org."]),
        ("broken.example", _) => Reply::Fails,
        ("child.right.example", _) => records(&[]),
        _ => Reply::NoSuchName,
    });
    let own = ["ns-1.example.net", "ns-2.example.net"].map(name);
    let judged = |zone: &str| Delegation::judge(&own, &ask(&servers, zone, Question::NameServers));
    assert_eq!(judged("right.example"), Delegation::Right);
    assert_eq!(judged("moved.example"), Delegation::Elsewhere { servers: vec![name("old.example.org")] });
    assert_eq!(judged("half.example"), Delegation::Partly { others: vec![name("old.example.org")] });
    assert_eq!(judged("broken.example"), Delegation::Broken { why: "SERVFAIL".into() });
    assert_eq!(judged("child.right.example"), Delegation::Missing);
    assert_eq!(judged("nowhere.example"), Delegation::Missing);
}

#[test]
fn caa_records_arrive_as_they_stand_in_zones() {
    let servers = NameServers::start(|asked| match (asked.name.as_str(), asked.kind.as_str()) {
        ("closed.example", "CAA") => {
            records(&["0 issue \"letsencrypt.org\"", "128 iodef \"mailto:a@b.example\""])
        }
        ("open.example", "CAA") => records(&["0 issue \"letsencrypt.org\"", "0 issue \"amazon.com\""]),
        ("nobody.example", "CAA") => records(&["0 issue \";\""]),
        _ => records(&[]),
    });
    let values = |of: &str| match ask(&servers, of, Question::Caa) {
        DnsAnswer::Records(values) => values,
        other => panic!("{other:?}"),
    };
    assert_eq!(values("closed.example"), ["0 issue \"letsencrypt.org\"", "128 iodef \"mailto:a@b.example\""]);
    assert!(!allows_amazon(&values("closed.example"), false));
    assert!(allows_amazon(&values("open.example"), false));
    assert!(!allows_amazon(&values("nobody.example"), false));
    assert_eq!(ask(&servers, "none.example", Question::Caa), DnsAnswer::NoRecords);
}

#[test]
fn a_zones_own_server_is_asked_directly_and_not_for_what_others_know() {
    let servers = NameServers::start(|asked: &Asked| match (asked.name.as_str(), asked.kind.as_str()) {
        ("ns-1.example.net", "A") => records(&["127.0.0.2"]),
        ("ns-2.example.net", "A") => records(&["127.0.0.3"]),
        ("_x.example.com", "CNAME") if asked.server == FIRST && !asked.wants_recursion => {
            records(&["_y.acm.example."])
        }
        ("_x.example.com", "CNAME") => Reply::NoSuchName,
        _ => records(&[]),
    });
    let dns = Dns::new(servers.resolver);
    let (runtime, record) = (runtime(), name("_x.example.com"));
    let ask = |server: &str| runtime.block_on(dns.ask_server(&name(server), &record, Question::Cname));
    assert!(ask("ns-1.example.net").is_cname(&name("_y.acm.example")));
    assert_eq!(ask("ns-2.example.net"), DnsAnswer::NoSuchName);
    assert!(matches!(ask("ns-3.example.net"), DnsAnswer::NoAnswer(why) if why.contains("has no address")));
    assert_eq!(runtime.block_on(dns.ask_resolver(&record, Question::Cname)), DnsAnswer::NoSuchName);
}

#[test]
fn an_answer_is_never_kept() {
    let count = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&count);
    let servers = NameServers::start(move |asked| match asked.kind.as_str() {
        "CNAME" if counter.fetch_add(1, Ordering::SeqCst) == 0 => Reply::NoSuchName,
        "CNAME" => records(&["_y.acm.example."]),
        _ => records(&[]),
    });
    assert_eq!(ask(&servers, "_x.example.com", Question::Cname), DnsAnswer::NoSuchName);
    assert!(ask(&servers, "_x.example.com", Question::Cname).is_cname(&name("_y.acm.example")));
}

#[test]
fn an_answer_too_long_for_a_datagram_arrives() {
    let servers = NameServers::start(|asked| match asked.kind.as_str() {
        "TXT" => Reply::Records((0..40).map(|number| format!("\"{number} {}\"", "x".repeat(150))).collect()),
        _ => records(&[]),
    });
    match ask(&servers, "long.example.com", Question::Txt) {
        DnsAnswer::Records(values) => assert_eq!(values.len(), 40),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_resolver_that_is_silent_is_not_asked_again_at_once() {
    let count = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&count);
    let servers = NameServers::start(move |_| {
        counter.fetch_add(1, Ordering::SeqCst);
        Reply::Silence
    });
    let (dns, runtime) = (Dns::new(servers.resolver), runtime());
    let ask = |of: &str| runtime.block_on(dns.ask_resolver(&name(of), Question::Address));
    assert!(matches!(ask("a.example.com"), DnsAnswer::NoAnswer(_)));
    let asked = count.load(Ordering::SeqCst);
    assert!(asked > 0, "nobody asked");
    assert!(matches!(ask("b.example.com"), DnsAnswer::NoAnswer(_)));
    assert_eq!(count.load(Ordering::SeqCst), asked);
}

#[test]
fn a_zone_whose_servers_are_dead_is_broken_and_does_not_silence_the_resolver() {
    // As long as resolvers take to say so, and longer than an ordinary answer may take.
    let slow = Reply::Late(Duration::from_secs(3), Box::new(Reply::Fails));
    let servers = NameServers::start(move |asked| match (asked.name.as_str(), asked.kind.as_str()) {
        ("dead.example", _) => slow.clone(),
        ("mute.example" | "www.mute.example", _) => Reply::Silence,
        ("alive.example", "CAA") => records(&["0 issue \"letsencrypt.org\""]),
        _ => records(&[]),
    });
    let (dns, runtime) = (Dns::new(servers.resolver), runtime());
    let ask = |of: &str, question| runtime.block_on(dns.ask_resolver(&name(of), question));
    let own = [name("ns-1.example.net")];
    let judged = |zone: &str| Delegation::judge(&own, &ask(zone, Question::NameServers));
    assert_eq!(judged("dead.example"), Delegation::Broken { why: "SERVFAIL".into() });
    assert!(matches!(judged("mute.example"), Delegation::Broken { .. }));
    assert!(matches!(ask("www.mute.example", Question::Address), DnsAnswer::Failed(_)));
    let caa = ask("alive.example", Question::Caa);
    assert_eq!(caa, DnsAnswer::Records(vec!["0 issue \"letsencrypt.org\"".into()]));
}

#[test]
fn a_referral_is_told_from_a_name_without_records() {
    let servers = NameServers::start(|asked: &Asked| match (asked.name.as_str(), asked.kind.as_str()) {
        ("ns-1.example.net", "A") => records(&["127.0.0.2"]),
        ("_x.www.dev.example.com", "CNAME") if asked.server == FIRST => {
            Reply::Referral("dev.example.com".into(), vec!["ns.example.org.".into()])
        }
        _ => records(&[]),
    });
    let (dns, runtime) = (Dns::new(servers.resolver), runtime());
    let ask =
        |of: &str| runtime.block_on(dns.ask_server(&name("ns-1.example.net"), &name(of), Question::Cname));
    let referral =
        DnsAnswer::Referred { zone: name("dev.example.com"), servers: vec![name("ns.example.org")] };
    assert_eq!(ask("_x.www.dev.example.com"), referral);
    assert_eq!(ask("_x.www.example.com"), DnsAnswer::NoRecords);
}

/// What is answered to a question, both as they go over the wire.
type Answering = fn(&[u8]) -> Vec<u8>;

/// A resolver whose answers are made of the questions by this; it ends with the test program.
fn odd_resolver(answer: Answering) -> Dns {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a free port");
    let address = socket.local_addr().expect("an address");
    std::thread::spawn(move || {
        let mut question = [0; 1500];
        while let Ok((length, from)) = socket.recv_from(&mut question) {
            let _ = socket.send_to(&answer(&question[..length]), from);
        }
    });
    Dns::new(address)
}

/// The question as an answer with one address, `192.0.2.66`, of this name as it goes over the wire.
fn with_address(question: &[u8], owner: &[u8]) -> Vec<u8> {
    const HEAD: usize = 12;
    let name = question[HEAD..].iter().position(|byte| *byte == 0).expect("a name ends");
    let mut answer = question[..HEAD + name + 5].to_vec();
    (answer[2], answer[3]) = (0x81, 0x80);
    answer[6..HEAD].copy_from_slice(&[0, 1, 0, 0, 0, 0]);
    answer.extend(owner);
    answer.extend([0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 192, 0, 2, 66]);
    answer
}

/// The name that was asked for.
const SAME: &[u8] = &[0xC0, 12];

#[test]
fn what_is_no_answer_to_the_question_is_not_taken_for_one() {
    let runtime = runtime();
    let of = |dns: &Dns| runtime.block_on(dns.ask_resolver(&name("www.example.com"), Question::Address));
    let right = odd_resolver(|question| with_address(question, SAME));
    assert_eq!(of(&right), DnsAnswer::Records(vec!["192.0.2.66".into()]));
    let no_answers: [(&str, Answering); 4] = [
        ("bytes that are no message", |_| b"220 mail.example.com ready".to_vec()),
        ("an answer that is cut", |question| {
            let mut answer = with_address(question, SAME);
            answer.truncate(answer.len() - 6);
            answer
        }),
        ("an answer to somebody else", |question| {
            let mut answer = with_address(question, SAME);
            answer[0] ^= 0xFF;
            answer
        }),
        ("an answer to another question", |question| {
            let mut answer = with_address(question, SAME);
            answer[13] = b'x';
            answer
        }),
    ];
    for (what, answer) in no_answers {
        let found = of(&odd_resolver(answer));
        assert!(matches!(found, DnsAnswer::NoAnswer(_)), "{what}: {found:?}");
    }
    let of_another = odd_resolver(|question| with_address(question, b"\x03www\x03bad\x07example\x00"));
    assert_eq!(of(&of_another), DnsAnswer::NoRecords);
}
