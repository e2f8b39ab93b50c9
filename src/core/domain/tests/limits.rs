//! Quotas that are told beforehand.

use super::*;

#[test]
fn quotas_that_the_names_exceed_are_told_beforehand() {
    let of = |count: usize| {
        let texts: Vec<String> = (0..count).map(|at| format!("n{at}.example.com")).collect();
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        let found = plan(&bare(), &wanted(&texts));
        assert_eq!(found.blocking().count(), 0);
        found.problems.iter().map(|problem| problem.kind).collect::<Vec<_>>()
    };
    assert_eq!(of(10), []);
    assert_eq!(of(11), [ProblemKind::CertificateQuota]);
    assert_eq!(of(100), [ProblemKind::CertificateQuota]);
    assert_eq!(of(101), [ProblemKind::CertificateQuota, ProblemKind::AliasQuota]);
    let mut facts = bare();
    facts.certificates = vec![certificate("there", &["*.example.com"], CertificateStatus::Issued)];
    let texts: Vec<String> = (0..11).map(|at| format!("n{at}.example.com")).collect();
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    assert_eq!(kinds(&plan(&facts, &wanted(&texts))), [], "a certificate is there");
}
