//! What the emulators do not keep: differences that Terraform finds again at each plan, each by name and with its reason. A test
//! deploys and checks that they are exactly these (`xtask/system/tests/emulated`).

use crate::deploy::changes::Gap;

/// The list. Empty is what it should be.
pub fn list() -> Vec<Gap> {
    const LIST: &[(&str, &str, &str)] = &[];
    let gap = |(resource, argument, reason): &(&str, &str, &str)| Gap {
        resource: (*resource).to_owned(),
        argument: (*argument).to_owned(),
        reason: (*reason).to_owned(),
    };
    LIST.iter().map(gap).collect()
}
